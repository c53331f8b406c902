//! Checkpoints: everything that a training run needs to go on as if it had not stopped.
//!
//! The file is a `.pt` with the names that PyTorch code uses (`model`, `optimizer`, `scheduler`, `rng_state`), so that
//! `torch.load(..., weights_only=True)` opens it and `optimizer.load_state_dict` takes its part.

use duoc_core::random::{get_rng_state, set_rng_state};
use duoc_core::{Result, Tensor, bail, ensure, err};
use duoc_io::{Dict, Object, load_pt, save_pt};
use duoc_nn::optim::lr_scheduler::LRScheduler;
use duoc_nn::optim::{Entries, GroupState, Optimizer, OptimizerState, Value};
use duoc_nn::{Module, StateDict};
use std::path::Path;

/// What is saved of a run.
///
/// ```no_run
/// # fn f(model: &duoc_nn::Linear, optimizer: &mut duoc_nn::optim::Optimizer) -> duoc_core::Result<()> {
/// use duoc_train::Checkpoint;
/// Checkpoint::take(model, optimizer, None)?.save("runs/last.pt")?;
/// // ... in another process:
/// Checkpoint::load("runs/last.pt")?.restore(model, optimizer, None)?;
/// # Ok(())
/// # }
/// ```
pub struct Checkpoint {
    /// The model's tensors.
    pub model: StateDict,
    /// The optimiser's settings and memory.
    pub optimizer: OptimizerState,
    /// The schedule, if there is one.
    pub schedule: Option<Entries>,
    /// The default generator's state.
    pub rng_state: Tensor,
    /// Whatever else the program must remember: epoch, step, the loader's position, its settings.
    pub extra: Dict,
}

impl Checkpoint {
    /// The present state of a run, with copies of all tensors.
    pub fn take(model: &dyn Module, optimizer: &Optimizer, schedule: Option<&LRScheduler>) -> Result<Checkpoint> {
        let mut tensors = StateDict::new();
        for (name, t) in model.state_dict().iter() {
            tensors.insert(name, duoc_core::catch(|| t.detach().copy())?);
        }
        Ok(Checkpoint {
            model: tensors,
            optimizer: optimizer.state_dict()?,
            schedule: schedule.map(LRScheduler::state_dict),
            rng_state: get_rng_state()?,
            extra: Dict::new(),
        })
    }

    /// Brings a run of the same make to the saved state, the default random generator included.
    ///
    /// # Errors
    /// As `load_state_dict` of the parts: missing names, other shapes, other groups.
    pub fn restore(
        &self,
        model: &dyn Module,
        optimizer: &mut Optimizer,
        schedule: Option<&mut LRScheduler>,
    ) -> Result<()> {
        ensure!(
            self.schedule.is_some() == schedule.is_some(),
            Value,
            "the checkpoint has {} and the run has {}: build the run with the options that the checkpoint was made with",
            if self.schedule.is_some() {
                "a schedule"
            } else {
                "no schedule"
            },
            if schedule.is_some() { "one" } else { "none" }
        );
        model.load_state_dict(&self.model, true)?;
        optimizer.load_state_dict(&self.optimizer)?;
        if let (Some(s), Some(saved)) = (schedule, &self.schedule) {
            s.load_state_dict(saved)?;
        }
        set_rng_state(&self.rng_state)
    }

    /// Writes the file: the old one or the new one is there afterwards, never a part of either.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        save_pt(path, &self.to_object()?)
    }

    /// Reads a file.
    ///
    /// # Errors
    /// `OSError` if it cannot be read, `ValueError`, `KeyError` or `TypeError` if it is not a checkpoint.
    pub fn load(path: impl AsRef<Path>) -> Result<Checkpoint> {
        let path = path.as_ref();
        Checkpoint::from_object(&load_pt(path)?).map_err(|e| e.at(path.display()))
    }

    fn to_object(&self) -> Result<Object> {
        let mut model = Dict::new();
        for (name, t) in self.model.iter() {
            model.insert(name, t);
        }
        model.ordered = true;
        let mut all = Dict::new();
        all.insert("model", model);
        all.insert("optimizer", optimizer_object(&self.optimizer)?);
        all.insert(
            "scheduler",
            self.schedule.as_ref().map(|s| Object::from(entries_object(s))),
        );
        all.insert("rng_state", &self.rng_state);
        for (name, value) in self.extra.iter() {
            all.push(name.clone(), value.clone())?;
        }
        Ok(all.into())
    }

    fn from_object(o: &Object) -> Result<Checkpoint> {
        const PARTS: [&str; 4] = ["model", "optimizer", "scheduler", "rng_state"];
        let mut model = StateDict::new();
        for (name, value) in o.get("model")?.dict()?.iter() {
            model.insert(name.str()?, value.tensor()?.clone());
        }
        let mut extra = Dict::new();
        for (name, value) in o.dict()?.iter() {
            if !name.str().is_ok_and(|n| PARTS.contains(&n)) {
                extra.push(name.clone(), value.clone())?;
            }
        }
        Ok(Checkpoint {
            model,
            optimizer: optimizer_state(o.get("optimizer")?)?,
            schedule: match o.get("scheduler")? {
                Object::None => None,
                s => Some(entries(s)?),
            },
            rng_state: o.get("rng_state")?.tensor()?.clone(),
            extra,
        })
    }
}

/// A value of an optimiser's state as an object of a file.
fn value_object(v: &Value) -> Object {
    let all = |vs: &[Value]| vs.iter().map(value_object).collect();
    match v {
        Value::None => Object::None,
        Value::Bool(b) => (*b).into(),
        Value::Int(i) => (*i).into(),
        Value::Float(x) => (*x).into(),
        Value::Text(s) => s.as_str().into(),
        Value::Tensor(t) => t.into(),
        Value::Tuple(vs) => Object::Tuple(all(vs)),
        Value::List(vs) => Object::List(all(vs)),
    }
}

fn value(o: &Object) -> Result<Value> {
    let all = |os: &[Object]| os.iter().map(value).collect::<Result<Vec<_>>>();
    Ok(match o {
        Object::None => Value::None,
        Object::Bool(b) => Value::Bool(*b),
        Object::Int(i) => Value::Int(*i),
        Object::Float(x) => Value::Float(*x),
        Object::Str(s) => Value::Text(s.to_string()),
        Object::Tensor(t) => Value::Tensor(t.clone()),
        Object::Tuple(os) => Value::Tuple(all(os)?),
        Object::List(os) => Value::List(all(os)?),
        other => bail!(
            Type,
            "an optimizer's state holds {}, which is none of its kinds",
            other.what()
        ),
    })
}

fn entries_object(e: &Entries) -> Dict {
    e.iter().map(|(name, v)| (name, value_object(v))).collect()
}

fn entries(o: &Object) -> Result<Entries> {
    let mut e = Entries::new();
    for (name, v) in o.dict()?.iter() {
        e.set(name.str()?, value(v).map_err(|e| e.at(name.str().unwrap_or("?")))?);
    }
    Ok(e)
}

/// An optimiser's state as PyTorch's `state_dict()`.
pub fn optimizer_object(state: &OptimizerState) -> Result<Object> {
    let mut memory = Dict::new();
    for (number, e) in &state.state {
        memory.push((*number).into(), entries_object(e).into())?;
    }
    let group = |g: &GroupState| {
        let mut d = entries_object(&g.options);
        d.insert("params", g.params.iter().map(|n| Object::from(*n)).collect::<Vec<_>>());
        Object::from(d)
    };
    let groups: Vec<Object> = state.groups.iter().map(group).collect();
    Ok(Dict::from_iter([("state", Object::from(memory)), ("param_groups", groups.into())]).into())
}

/// PyTorch's `state_dict()` of an optimiser, from whatever file it came.
///
/// # Errors
/// `KeyError` or `TypeError` if it is not one.
pub fn optimizer_state(o: &Object) -> Result<OptimizerState> {
    let number = |o: &Object| -> Result<usize> {
        let n = o.int()?;
        usize::try_from(n).map_err(|_| err!(Value, "parameter number {n} in an optimizer's state"))
    };
    let mut out = OptimizerState::default();
    for (key, e) in o.get("state")?.dict()?.iter() {
        let key = number(key)?;
        out.state
            .push((key, entries(e).map_err(|e| e.at(format!("state of parameter {key}")))?));
    }
    for g in o.get("param_groups")?.items()? {
        let params = g.get("params")?.items()?.iter().map(number).collect::<Result<_>>()?;
        let mut options = entries(g)?;
        options.remove("params");
        out.groups.push(GroupState { options, params });
    }
    Ok(out)
}
