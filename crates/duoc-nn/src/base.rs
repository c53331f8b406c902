//! What every layer carries besides its own fields: identity, training flag, hooks.

use crate::Module;
use duoc_core::{Result, Tensor};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};

/// Identity, training flag and hooks of a module: the field `base: Base` of a struct that derives [`Module`].
///
/// A copy (`Clone`) is another module: it has an identity of its own, the same training flag, and no hooks.
pub struct Base {
    id: u64,
    pub(crate) training: bool,
    hooks: OnceLock<Arc<Mutex<Arc<Hooks>>>>,
}

/// Sees a module and its inputs before it runs; may put other inputs in their place.
pub type ForwardPreHook = Arc<dyn Fn(&dyn Module, &[Tensor]) -> Result<Option<Vec<Tensor>>> + Send + Sync>;
/// Sees a module, its inputs and its outputs; may put other outputs in their place.
pub type ForwardHook = Arc<dyn Fn(&dyn Module, &[Tensor], &[Tensor]) -> Result<Option<Vec<Tensor>>> + Send + Sync>;
/// Gradients, one for each tensor; None where there is none.
pub type Gradients = Vec<Option<Tensor>>;
/// Sees the gradients of a module's outputs before its backward runs; may put others in their place.
pub type BackwardPreHook = Arc<dyn Fn(&[Option<Tensor>]) -> Result<Option<Gradients>> + Send + Sync>;
/// Sees the gradients of a module's inputs and of its outputs; may put others in the place of the former.
pub type BackwardHook = Arc<dyn Fn(&[Option<Tensor>], &[Option<Tensor>]) -> Result<Option<Gradients>> + Send + Sync>;

/// The hooks of one module. A call works with the list as it was when the call began.
#[derive(Clone, Default)]
pub(crate) struct Hooks {
    pub(crate) forward_pre: Vec<(u64, ForwardPreHook)>,
    pub(crate) forward: Vec<(u64, ForwardHook)>,
    pub(crate) backward_pre: Vec<(u64, BackwardPreHook)>,
    pub(crate) backward: Vec<(u64, BackwardHook)>,
}

impl Hooks {
    fn is_empty(&self) -> bool {
        self.forward_pre.is_empty() && self.forward.is_empty() && !self.has_backward()
    }

    pub(crate) fn has_backward(&self) -> bool {
        !(self.backward_pre.is_empty() && self.backward.is_empty())
    }
}

fn lock(table: &Mutex<Arc<Hooks>>) -> MutexGuard<'_, Arc<Hooks>> {
    table.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Takes a module's hook away when asked; dropping the handle leaves the hook in place.
pub struct RemovableHandle {
    id: u64,
    table: Weak<Mutex<Arc<Hooks>>>,
}

impl RemovableHandle {
    /// A number that is unique to this hook.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// Takes the hook away. A call that has begun still runs it.
    pub fn remove(self) {
        let Some(table) = self.table.upgrade() else { return };
        let old = {
            let mut hooks = lock(&table);
            let mut new = (**hooks).clone();
            new.forward_pre.retain(|h| h.0 != self.id);
            new.forward.retain(|h| h.0 != self.id);
            new.backward_pre.retain(|h| h.0 != self.id);
            new.backward.retain(|h| h.0 != self.id);
            std::mem::replace(&mut *hooks, Arc::new(new))
        };
        drop(old);
    }
}

impl Base {
    /// A new identity, in training, without hooks.
    pub fn new() -> Base {
        Base {
            id: crate::param::next_id(),
            training: true,
            hooks: OnceLock::new(),
        }
    }

    /// A number that no other module has.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// Whether the module is in training.
    pub fn training(&self) -> bool {
        self.training
    }

    /// The hooks, if there are any.
    #[inline]
    pub(crate) fn hooks(&self) -> Option<Arc<Hooks>> {
        let hooks = lock(self.hooks.get()?).clone();
        (!hooks.is_empty()).then_some(hooks)
    }

    fn change(&self, change: impl FnOnce(&mut Hooks, u64)) -> RemovableHandle {
        let table = self.hooks.get_or_init(Arc::default);
        let id = crate::param::next_id();
        let old = {
            let mut hooks = lock(table);
            let mut new = (**hooks).clone();
            change(&mut new, id);
            std::mem::replace(&mut *hooks, Arc::new(new))
        };
        drop(old);
        RemovableHandle {
            id,
            table: Arc::downgrade(table),
        }
    }

    /// Calls `hook` before the module runs.
    pub fn register_forward_pre_hook(&self, hook: ForwardPreHook) -> RemovableHandle {
        self.change(|h, id| h.forward_pre.push((id, hook)))
    }

    /// Calls `hook` after the module ran.
    pub fn register_forward_hook(&self, hook: ForwardHook) -> RemovableHandle {
        self.change(|h, id| h.forward.push((id, hook)))
    }

    /// Calls `hook` when the gradients of the module's outputs are known.
    pub fn register_full_backward_pre_hook(&self, hook: BackwardPreHook) -> RemovableHandle {
        self.change(|h, id| h.backward_pre.push((id, hook)))
    }

    /// Calls `hook` when the gradients of the module's inputs are known.
    pub fn register_full_backward_hook(&self, hook: BackwardHook) -> RemovableHandle {
        self.change(|h, id| h.backward.push((id, hook)))
    }
}

impl Default for Base {
    fn default() -> Base {
        Base::new()
    }
}

impl Clone for Base {
    fn clone(&self) -> Base {
        Base {
            training: self.training,
            ..Base::new()
        }
    }
}

impl fmt::Debug for Base {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Base(training={})", self.training)
    }
}
