//! The data of a run: batches to learn from, batches to be judged by, and what the model must know about them.

use super::config::Config;
use duoc::data::transform::{Normalize, RandomCrop, RandomHorizontalFlip, Transform};
use duoc::data::{
    Column, CsvOptions, DataLoader, Dataset, LabelledImages, LoaderOptions, Split, TensorDataset, TextDataset,
    Vocabulary, cifar10, digits, fashion_mnist, mnist, read_csv, read_text,
};
use duoc::io::{Dict, Object};
use duoc::prelude::*;
use duoc::train::{Batches, Goal};
use duoc::{Result, bail, ensure};

/// What goes into a model and what comes out.
#[derive(Clone, Debug)]
pub enum Shape {
    /// Images: channels, rows, columns.
    Image {
        channels: usize,
        rows: usize,
        columns: usize,
    },
    /// Rows of a table.
    Features(usize),
    /// Windows of tokens.
    Tokens,
}

/// What is known about the data beside the batches; a saved model carries it.
#[derive(Clone, Debug)]
pub struct About {
    pub shape: Shape,
    pub goal: Goal,
    /// The names of the classes, or the characters of the vocabulary.
    pub classes: Vec<String>,
    /// Mean and deviation that inputs are brought to.
    pub mean: Vec<f32>,
    pub std: Vec<f32>,
    /// The columns of a table, in order.
    pub columns: Vec<String>,
}

pub struct Data {
    pub train: Box<dyn Batches>,
    pub test: Box<dyn Batches>,
    pub about: About,
}

/// Images that are held out of the digits, and the part of a text or a table.
const HELD_OUT: i64 = 360;
const TEST_PART: f64 = 0.1;

/// Reads the data of a run.
pub fn load(c: &Config) -> Result<Data> {
    let path = c.path.as_deref().unwrap_or("");
    match c.data.as_str() {
        "digits" => of_digits(c),
        "mnist" => images(
            c,
            mnist(path, Split::Train)?,
            mnist(path, Split::Test)?,
            &[0.1307],
            &[0.3081],
        ),
        "fashion-mnist" => {
            let (train, test) = (fashion_mnist(path, Split::Train)?, fashion_mnist(path, Split::Test)?);
            images(c, train, test, &[0.2860], &[0.3530])
        }
        "cifar10" => {
            let (train, test) = (cifar10(path, Split::Train)?, cifar10(path, Split::Test)?);
            images(c, train, test, &[0.4914, 0.4822, 0.4465], &[0.2470, 0.2435, 0.2616])
        }
        "text" => text(c, path),
        "csv" => table(c, path),
        other => bail!(Value, "there is no data {other}"),
    }
}

fn options(c: &Config, shuffle: bool) -> LoaderOptions {
    LoaderOptions {
        batch_size: if shuffle { c.batch_size } else { c.batch_size.max(256) } as usize,
        shuffle,
        num_workers: if shuffle { c.workers as usize } else { 0 },
        ..LoaderOptions::default()
    }
}

fn loader<D: Dataset<Item = [Tensor; 2]>>(data: D, c: &Config, shuffle: bool) -> Result<Box<dyn Batches>> {
    Ok(Box::new(DataLoader::new(data, options(c, shuffle))?))
}

/// Shifts by up to an eighth of the side, and flips unless the side matters, as it does for digits.
fn augmented(c: &Config, side: usize) -> impl Fn([Tensor; 2]) -> Result<[Tensor; 2]> + Send + Sync + 'static {
    let crop = RandomCrop {
        size: (side, side),
        padding: side.div_ceil(8),
    };
    let flip = RandomHorizontalFlip(if matches!(c.data.as_str(), "digits" | "mnist") {
        0.0
    } else {
        0.5
    });
    move |[x, y]| Ok([flip.apply(crop.apply(x)?)?, y])
}

fn of_images(c: &Config, [x, y]: [Tensor; 2], [tx, ty]: [Tensor; 2], about: About) -> Result<Data> {
    let train = TensorDataset::new([x, y])?;
    let Shape::Image { rows, columns, .. } = about.shape else {
        bail!(Value, "images were expected");
    };
    let train = match c.augment {
        true => {
            ensure!(
                rows == columns,
                Value,
                "--augment is for square images, not {rows}x{columns}"
            );
            loader(train.map(augmented(c, rows)), c, true)?
        }
        false => loader(train, c, true)?,
    };
    Ok(Data {
        train,
        test: loader(TensorDataset::new([tx, ty])?, c, false)?,
        about,
    })
}

fn of_digits(c: &Config) -> Result<Data> {
    let (x, y) = digits::digits().tensors()?;
    let n = y.numel() as i64;
    let x = x.reshape(&[n, 1, 8, 8]);
    // The same images are held out whatever the seed of the run.
    let order = duoc::random::with_generator(&seeded(0), || Tensor::randperm(n));
    let (train, test) = (
        order.narrow(0, 0, n - HELD_OUT),
        order.narrow(0, n - HELD_OUT, HELD_OUT),
    );
    let pick = |i: &Tensor| [x.index_select(0, i), y.index_select(0, i)];
    let about = About {
        shape: Shape::Image {
            channels: 1,
            rows: 8,
            columns: 8,
        },
        goal: Goal::Classes,
        classes: (0..10).map(|d| d.to_string()).collect(),
        mean: vec![0.0],
        std: vec![1.0],
        columns: Vec::new(),
    };
    of_images(c, pick(&train), pick(&test), about)
}

fn seeded(seed: u64) -> duoc::random::Generator {
    let g = duoc::random::Generator::new();
    g.manual_seed(seed);
    g
}

fn images(c: &Config, train: LabelledImages, test: LabelledImages, mean: &[f32], std: &[f32]) -> Result<Data> {
    let normal = Normalize::new(mean, std)?;
    let tensors = |d: &LabelledImages| -> Result<[Tensor; 2]> {
        let both = d.tensors()?;
        let [x, y] = both.tensors().clone();
        Ok([normal.apply(x)?, y])
    };
    let [_, channels, rows, columns] = *train.images().shape() else {
        bail!(Value, "images of shape {:?}", train.images().shape());
    };
    let about = About {
        shape: Shape::Image {
            channels,
            rows,
            columns,
        },
        goal: Goal::Classes,
        classes: train.classes().to_vec(),
        mean: mean.to_vec(),
        std: std.to_vec(),
        columns: Vec::new(),
    };
    of_images(c, tensors(&train)?, tensors(&test)?, about)
}

fn text(c: &Config, path: &str) -> Result<Data> {
    let text = read_text(path)?;
    let vocabulary = Vocabulary::chars(&text);
    let tokens = vocabulary.encode(&text)?;
    let n = tokens.numel() as i64;
    let held = (n as f64 * TEST_PART) as i64;
    let length = c.context as usize;
    let windows = |from: i64, count: i64| TextDataset::new(tokens.narrow(0, from, count), length, length);
    let classes = match &vocabulary {
        Vocabulary::Chars(chars) => chars.iter().map(char::to_string).collect(),
        Vocabulary::Bytes => Vec::new(),
    };
    let place = |e: duoc::Error| e.at(path);
    Ok(Data {
        train: loader(windows(0, n - held).map_err(place)?, c, true)?,
        test: loader(windows(n - held, held).map_err(place)?, c, false)?,
        about: About {
            shape: Shape::Tokens,
            goal: Goal::Tokens,
            classes,
            mean: Vec::new(),
            std: Vec::new(),
            columns: Vec::new(),
        },
    })
}

fn table(c: &Config, path: &str) -> Result<Data> {
    let t = read_csv(path, CsvOptions::default())?;
    let place = |e: duoc::Error| e.at(path);
    let Some(last) = t.names().last() else {
        bail!(Value, "{path}: no columns");
    };
    let target = c.target.clone().unwrap_or_else(|| last.clone());
    let columns: Vec<String> = t.names().iter().filter(|n| **n != target).cloned().collect();
    let n = t.rows() as i64;
    ensure!(n >= 10, Value, "{path}: {n} rows are too few to hold some out");
    let x = t.tensor(&columns).map_err(place)?;
    // Words, and numbers of few values, are classes; other numbers are to be predicted as they are.
    let whole = match t.column(&target).map_err(place)? {
        Column::Words(_) => true,
        Column::Numbers(v) => {
            let mut values: Vec<u64> = v.iter().map(|x| x.to_bits()).collect();
            values.sort_unstable();
            values.dedup();
            v.iter().all(|x| x.fract() == 0.0) && values.len() <= 20
        }
    };
    let (y, classes, goal) = match whole {
        true => {
            let (y, classes) = t.labels(&target).map_err(place)?;
            (y, classes, Goal::Classes)
        }
        false => (t.tensor(&[&target]).map_err(place)?, Vec::new(), Goal::Numbers),
    };
    let order = duoc::random::with_generator(&seeded(0), || Tensor::randperm(n));
    let held = (n as f64 * TEST_PART).ceil() as i64;
    let (train, test) = (order.narrow(0, 0, n - held), order.narrow(0, n - held, held));
    let pick = |i: &Tensor| [x.index_select(0, i), y.index_select(0, i)];
    let [tx, ty] = pick(&train);
    let mean = tx.mean_dim(&[0], true);
    let std = ((&tx - &mean) * (&tx - &mean))
        .mean_dim(&[0], true)
        .sqrt()
        .clamp_min(1e-6);
    let normal = |x: &Tensor| (x - &mean) / &std;
    let [vx, vy] = pick(&test);
    let about = About {
        shape: Shape::Features(columns.len()),
        goal,
        classes,
        mean: mean.reshape(&[-1]).to_vec(),
        std: std.reshape(&[-1]).to_vec(),
        columns,
    };
    Ok(Data {
        train: loader(TensorDataset::new([normal(&tx), ty])?, c, true)?,
        test: loader(TensorDataset::new([normal(&vx), vy])?, c, false)?,
        about,
    })
}

impl About {
    /// How many scores a model gives.
    pub fn outputs(&self) -> usize {
        match self.goal {
            Goal::Numbers => 1,
            _ => self.classes.len(),
        }
    }

    pub fn to_dict(&self) -> Dict {
        let shape: Vec<i64> = match self.shape {
            Shape::Image {
                channels,
                rows,
                columns,
            } => vec![channels as i64, rows as i64, columns as i64],
            Shape::Features(n) => vec![n as i64],
            Shape::Tokens => Vec::new(),
        };
        let texts = |v: &[String]| Object::List(v.iter().map(|s| s.as_str().into()).collect());
        let numbers = |v: &[f32]| Object::List(v.iter().map(|x| f64::from(*x).into()).collect());
        let goal = match self.goal {
            Goal::Classes => "classes",
            Goal::Tokens => "tokens",
            Goal::Numbers => "numbers",
        };
        Dict::from_iter([
            ("shape", Object::List(shape.into_iter().map(Object::from).collect())),
            ("goal", goal.into()),
            ("classes", texts(&self.classes)),
            ("mean", numbers(&self.mean)),
            ("std", numbers(&self.std)),
            ("columns", texts(&self.columns)),
        ])
    }

    pub fn from_object(o: &Object) -> Result<About> {
        let ints = |name: &str| -> Result<Vec<i64>> { o.get(name)?.items()?.iter().map(Object::int).collect() };
        let texts = |name: &str| -> Result<Vec<String>> {
            let items = o.get(name)?.items()?;
            items.iter().map(|s| Ok(s.str()?.to_string())).collect()
        };
        let numbers = |name: &str| -> Result<Vec<f32>> {
            let items = o.get(name)?.items()?;
            items.iter().map(|x| Ok(x.float()? as f32)).collect()
        };
        let size = |n: &i64| usize::try_from(*n).unwrap_or(0);
        let shape = match &ints("shape")?[..] {
            [] => Shape::Tokens,
            [n] => Shape::Features(size(n)),
            [c, h, w] => Shape::Image {
                channels: size(c),
                rows: size(h),
                columns: size(w),
            },
            other => bail!(Value, "inputs of shape {other:?}"),
        };
        Ok(About {
            shape,
            goal: match o.get("goal")?.str()? {
                "classes" => Goal::Classes,
                "tokens" => Goal::Tokens,
                "numbers" => Goal::Numbers,
                other => bail!(Value, "there is no goal {other}"),
            },
            classes: texts("classes")?,
            mean: numbers("mean")?,
            std: numbers("std")?,
            columns: texts("columns")?,
        })
    }
}
