//! `duoc predict`: what a trained model says about an image, a row of a table, or the beginning of a text.

use super::data::{About, Shape};
use clap::{Arg, ArgMatches, Command, value_parser};
use duoc::autograd::no_grad;
use duoc::data::transform::{Normalize, Transform, to_tensor};
use duoc::data::{Colours, Vocabulary, read_picture};
use duoc::prelude::*;
use duoc::train::{Goal, Net};
use duoc::{Result, bail, ensure, ops};
use std::path::PathBuf;

pub fn command() -> Command {
    Command::new("predict")
        .about("What a trained model says about an image, a row of numbers, or a line of text")
        .arg(
            Arg::new("run")
                .value_name("DIR")
                .required(true)
                .value_parser(value_parser!(PathBuf))
                .help("The folder of the run"),
        )
        .arg(
            Arg::new("input")
                .value_name("INPUT")
                .required(true)
                .allow_hyphen_values(true)
                .help("An image file; numbers with commas between; or the beginning of a text"),
        )
        .arg(
            Arg::new("length")
                .long("length")
                .value_name("N")
                .default_value("200")
                .value_parser(value_parser!(u32).range(1..=100_000))
                .help("Characters to write after the text"),
        )
        .arg(
            Arg::new("temperature")
                .long("temperature")
                .value_name("T")
                .default_value("0.8")
                .value_parser(value_parser!(f64))
                .help("0 always takes the likeliest character; larger is more daring"),
        )
        .arg(
            Arg::new("seed")
                .long("seed")
                .value_name("N")
                .default_value("0")
                .value_parser(value_parser!(u64))
                .help("Seed of the characters that are drawn"),
        )
}

pub fn run(m: &ArgMatches) -> Result<()> {
    let dir = m.get_one::<PathBuf>("run").cloned().unwrap_or_default();
    let input = m.get_one::<String>("input").cloned().unwrap_or_default();
    let (config, about, net) = super::load(&dir)?;
    no_grad(|| match about.shape {
        Shape::Image { .. } => image(&about, &*net, &input),
        Shape::Features(_) => row(&about, &*net, &input),
        Shape::Tokens => {
            duoc::manual_seed(m.get_one::<u64>("seed").copied().unwrap_or(0));
            let length = m.get_one::<u32>("length").copied().unwrap_or(200);
            let temperature = m.get_one::<f64>("temperature").copied().unwrap_or(0.8);
            text(
                &about,
                &*net,
                &input,
                length as usize,
                temperature,
                config.context as usize,
            )
        }
    })
}

/// The classes by probability, the likeliest first.
fn print_classes(about: &About, scores: &Tensor) {
    const SHOWN: i64 = 5;
    let p = scores.reshape(&[-1]).softmax(0);
    let (values, places) = p.topk(SHOWN.min(about.classes.len() as i64), 0);
    let (values, places): (Vec<f32>, Vec<i64>) = (values.to_vec(), places.to_vec());
    for (v, i) in values.iter().zip(&places) {
        let name = usize::try_from(*i).ok().and_then(|i| about.classes.get(i));
        println!("{:6.2} %  {}", 100.0 * v, name.map_or("?", String::as_str));
    }
}

fn image(about: &About, net: &dyn Net, path: &str) -> Result<()> {
    let Shape::Image {
        channels,
        rows,
        columns,
    } = about.shape
    else {
        bail!(Value, "the model is not for images");
    };
    let colours = if channels == 1 { Colours::Grey } else { Colours::Rgb };
    let picture = to_tensor(&read_picture(path, colours)?)?;
    let picture = duoc::data::transform::Resize::To(rows, columns).apply(picture)?;
    let x = Normalize::new(&about.mean, &about.std)?.apply(picture)?;
    let scores = net.scores(&ops::view::unsqueeze(&x, 0)?)?;
    print_classes(about, &scores);
    Ok(())
}

fn row(about: &About, net: &dyn Net, input: &str) -> Result<()> {
    let mut numbers = Vec::new();
    for (i, cell) in input.split(',').enumerate() {
        match cell.trim().parse::<f32>() {
            Ok(x) => numbers.push(x),
            Err(_) => bail!(
                Value,
                "number {} is {cell:?}; numbers with commas between were expected",
                i + 1
            ),
        }
    }
    ensure!(
        numbers.len() == about.columns.len(),
        Value,
        "{} numbers where the model wants {}: {}",
        numbers.len(),
        about.columns.len(),
        about.columns.join(", ")
    );
    let normal: Vec<f32> = numbers
        .iter()
        .zip(&about.mean)
        .zip(&about.std)
        .map(|((x, m), s)| (x - m) / s)
        .collect();
    let x = Tensor::try_from_slice(&normal, &[1, normal.len()])?;
    let scores = net.scores(&x)?;
    match about.goal {
        Goal::Numbers => println!("{}", scores.item().to_f64()),
        _ => print_classes(about, &scores),
    }
    Ok(())
}

/// Writes on after the text, one character after the other.
fn text(about: &About, net: &dyn Net, begin: &str, length: usize, temperature: f64, context: usize) -> Result<()> {
    ensure!(temperature >= 0.0, Value, "--temperature must not be negative");
    ensure!(!begin.is_empty(), Value, "a text needs a beginning");
    let vocabulary = Vocabulary::Chars(about.classes.iter().filter_map(|c| c.chars().next()).collect());
    let mut tokens: Vec<i64> = vocabulary.encode(begin)?.try_to_vec()?;
    for _ in 0..length {
        let from = tokens.len().saturating_sub(context.max(1));
        let window = Tensor::try_from_slice(&tokens[from..], &[1, tokens.len() - from])?;
        let scores = net.scores(&window)?;
        let last = scores.select(1, -1).reshape(&[-1]);
        let next = match temperature == 0.0 {
            true => last.argmax(0).item().to_i64(),
            false => (last / temperature).softmax(0).multinomial(1, true).item().to_i64(),
        };
        tokens.push(next);
    }
    println!("{}", vocabulary.decode(&Tensor::from_slice(&tokens))?);
    Ok(())
}
