//! `duoc summary`: the table of a model, known by name or trained before.

use crate::layers::shape_of;
use clap::{Arg, ArgMatches, Command, value_parser};
use duoc::models::{self, AlexNet, Bert, LeNet, Llama, LstmLanguageModel, Mlp, Nin, UNet, VisionTransformer};
use duoc::nn::{Layer, Summary, summarize};
use duoc::prelude::*;
use duoc::{Result, bail};
use std::path::{Path, PathBuf};

pub fn command() -> Command {
    Command::new("summary")
        .about("The layers of a model with shapes, parameters, multiply-adds and memory: duoc summary resnet18")
        .arg(
            Arg::new("model")
                .value_name("MODEL")
                .help("A name (without one, all are listed), or the folder of a training run"),
        )
        .arg(
            Arg::new("input")
                .long("input")
                .value_name("SHAPE")
                .help("Shape of the input, 1x3x224x224 (what the model is made for)"),
        )
        .arg(
            Arg::new("classes")
                .long("classes")
                .value_name("N")
                .value_parser(value_parser!(u32).range(1..=1_000_000))
                .help("Number of classes (what the model is made for)"),
        )
        .arg(
            Arg::new("depth")
                .long("depth")
                .value_name("N")
                .value_parser(value_parser!(u32))
                .help("Show no layers deeper than this (3)"),
        )
}

type Made = fn(usize) -> Result<Box<dyn Layer>>;

/// Models of images and features: name, the shape they are made for, the number of classes, the model.
const LAYERS: &[(&str, &[i64], usize, Made)] = &[
    ("mlp", &[1, 784], 10, |n| {
        Ok(Box::new(Mlp::options([784, 256, n]).try_build()?))
    }),
    ("lenet", &[1, 1, 28, 28], 10, |n| {
        Ok(Box::new(LeNet::options(28, n).try_build()?))
    }),
    ("alexnet", &[1, 3, 224, 224], 1000, |n| {
        Ok(Box::new(AlexNet::options(n).try_build()?))
    }),
    ("nin", &[1, 3, 224, 224], 1000, |n| {
        Ok(Box::new(Nin::options(n).try_build()?))
    }),
    ("vgg11", &[1, 3, 224, 224], 1000, |n| {
        Ok(Box::new(models::vgg11(n).try_build()?))
    }),
    ("vgg13", &[1, 3, 224, 224], 1000, |n| {
        Ok(Box::new(models::vgg13(n).try_build()?))
    }),
    ("vgg16", &[1, 3, 224, 224], 1000, |n| {
        Ok(Box::new(models::vgg16(n).try_build()?))
    }),
    ("vgg19", &[1, 3, 224, 224], 1000, |n| {
        Ok(Box::new(models::vgg19(n).try_build()?))
    }),
    ("resnet18", &[1, 3, 224, 224], 1000, |n| {
        Ok(Box::new(models::resnet18(n).try_build()?))
    }),
    ("resnet34", &[1, 3, 224, 224], 1000, |n| {
        Ok(Box::new(models::resnet34(n).try_build()?))
    }),
    ("resnet50", &[1, 3, 224, 224], 1000, |n| {
        Ok(Box::new(models::resnet50(n).try_build()?))
    }),
    ("resnet101", &[1, 3, 224, 224], 1000, |n| {
        Ok(Box::new(models::resnet101(n).try_build()?))
    }),
    ("resnet152", &[1, 3, 224, 224], 1000, |n| {
        Ok(Box::new(models::resnet152(n).try_build()?))
    }),
    ("unet", &[1, 3, 224, 224], 2, |n| {
        Ok(Box::new(UNet::options(3, n).try_build()?))
    }),
    ("vit-b-16", &[1, 3, 224, 224], 1000, |n| {
        Ok(Box::new(VisionTransformer::options(224, 16).classes(n).try_build()?))
    }),
];

/// Models of tokens: name, vocabulary.
const TEXT: [(&str, usize); 4] = [("lstm", 256), ("gpt2", 50257), ("bert-base", 30522), ("llama", 32000)];

/// Tokens of a text whose length is not said.
const TOKENS: i64 = 64;

pub fn run(m: &ArgMatches) -> Result<()> {
    let Some(name) = m.get_one::<String>("model") else {
        let names = LAYERS.iter().map(|l| l.0).chain(TEXT.iter().map(|t| t.0));
        println!("{}", names.collect::<Vec<_>>().join("\n"));
        return Ok(());
    };
    let given = m.get_one::<String>("input").map(|t| shape_of(t)).transpose()?;
    let classes = m.get_one::<u32>("classes").map(|n| *n as usize);
    let table = match LAYERS.iter().find(|l| l.0 == name) {
        Some((_, shape, usual, make)) => {
            let mut net = make(classes.unwrap_or(*usual))?;
            net.summary(&given.unwrap_or_else(|| shape.to_vec()))?
        }
        None => match TEXT.iter().find(|t| t.0 == name) {
            Some((name, vocabulary)) => text(name, *vocabulary, given)?,
            None => trained(name, given)?,
        },
    };
    let depth = m.get_one::<u32>("depth").copied().unwrap_or(3);
    println!("{}", table.at_depth(depth as usize));
    Ok(())
}

fn text(name: &str, vocabulary: usize, given: Option<Vec<i64>>) -> Result<Summary> {
    let shape = given.unwrap_or_else(|| vec![1, TOKENS]);
    let x = duoc::catch(|| Tensor::options().dtype(I64).zeros(&shape))?;
    match name {
        "lstm" => summarize(&mut LstmLanguageModel::options(vocabulary).try_build()?, |m| {
            m.try_forward(&x, None)
        }),
        "gpt2" => summarize(&mut models::gpt2().try_build()?, |m| m.try_forward(&x)),
        "bert-base" => summarize(&mut Bert::options(vocabulary).try_build()?, |m| m.try_forward(&x, None)),
        _ => summarize(&mut Llama::options(vocabulary).try_build()?, |m| m.try_forward(&x)),
    }
}

/// The model in the folder of a run.
fn trained(name: &str, given: Option<Vec<i64>>) -> Result<Summary> {
    if !Path::new(name).is_dir() {
        let names: Vec<&str> = LAYERS.iter().map(|l| l.0).chain(TEXT.iter().map(|t| t.0)).collect();
        bail!(
            Value,
            "{name} is neither a model nor the folder of a run; the models are: {}",
            names.join(", ")
        );
    }
    crate::train::summary_of(&PathBuf::from(name), given)
}
