//! The settings of a run: from the command line, kept in its checkpoints, read back when it goes on.

use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use duoc::io::{Dict, Object};
use duoc::{Result, bail};
use std::path::PathBuf;

/// What is trained on what, and how.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    pub model: String,
    pub data: String,
    /// The file or folder of the data, where they are not embedded.
    pub path: Option<String>,
    pub epochs: i64,
    pub batch_size: i64,
    pub lr: f64,
    pub optimizer: String,
    pub momentum: f64,
    pub weight_decay: f64,
    pub schedule: String,
    pub clip: Option<f64>,
    pub seed: i64,
    pub workers: i64,
    pub hidden: i64,
    pub layers: i64,
    pub heads: i64,
    pub dropout: f64,
    pub context: i64,
    pub augment: bool,
    pub target: Option<String>,
    pub max_steps: Option<i64>,
    pub save_every: Option<i64>,
}

pub const MODELS: [&str; 5] = ["mlp", "lenet", "resnet", "lstm", "gpt"];
pub const DATA: [&str; 6] = ["digits", "mnist", "fashion-mnist", "cifar10", "text", "csv"];

/// The subcommand.
pub fn command() -> Command {
    let arg = |name: &'static str, value: &'static str, help: &'static str| {
        Arg::new(name).long(name).value_name(value).help(help)
    };
    let int = |name, value, help| arg(name, value, help).value_parser(value_parser!(i64).range(1..));
    let number = |name, value, help| {
        arg(name, value, help)
            .value_parser(value_parser!(f64))
            .allow_negative_numbers(true)
    };
    Command::new("train")
        .about("Trains a model: duoc train lenet mnist FOLDER")
        .arg(
            Arg::new("model")
                .value_name("MODEL")
                .value_parser(MODELS)
                .required_unless_present("resume")
                .help("mlp, lenet or resnet for images, mlp for tables, lstm or gpt for text"),
        )
        .arg(
            Arg::new("data")
                .value_name("DATA")
                .value_parser(DATA)
                .required_unless_present("resume")
                .help("digits is embedded; the others are read from PATH"),
        )
        .arg(
            Arg::new("path")
                .value_name("PATH")
                .help("Folder of mnist, fashion-mnist or cifar10; file of text or csv"),
        )
        .arg(int("epochs", "N", "Times through the data (10)"))
        .arg(int("batch-size", "N", "Samples a step (64)"))
        .arg(number(
            "lr",
            "RATE",
            "Learning rate (by optimizer: 0.05 for sgd, 0.001 for the others)",
        ))
        .arg(arg(
            "optimizer",
            "NAME",
            "sgd, adam, adamw, rmsprop, ... (adamw; sgd for resnet)",
        ))
        .arg(number("momentum", "M", "Momentum of sgd (0.9)"))
        .arg(number("weight-decay", "W", "Weight decay (0; 5e-4 for resnet)"))
        .arg(
            arg(
                "schedule",
                "NAME",
                "none, cosine or onecycle, over the whole run (none; onecycle for resnet)",
            )
            .value_parser(["none", "cosine", "onecycle"]),
        )
        .arg(number(
            "clip",
            "NORM",
            "Largest norm of all gradients together (1 for lstm and gpt)",
        ))
        .arg(arg("seed", "N", "Seed of all random numbers (0)").value_parser(value_parser!(i64)))
        .arg(arg("workers", "N", "Threads that make batches ahead (0)").value_parser(value_parser!(i64).range(0..=64)))
        .arg(int(
            "hidden",
            "N",
            "Width of mlp, lstm, gpt, and of resnet's first stage (by model)",
        ))
        .arg(int(
            "layers",
            "N",
            "Layers of mlp, lstm and gpt, blocks in each stage of resnet (2; 4 for gpt)",
        ))
        .arg(int("heads", "N", "Attention heads of gpt (4)"))
        .arg(number("dropout", "P", "Probability to DROP (0; 0.1 for gpt)"))
        .arg(int("context", "N", "Tokens of a training window (64; 128 for gpt)"))
        .arg(
            Arg::new("augment")
                .long("augment")
                .action(ArgAction::SetTrue)
                .help("Shift and flip training images at random"),
        )
        .arg(arg(
            "target",
            "COLUMN",
            "What is to be predicted of a csv (the last column)",
        ))
        .arg(int("max-steps", "N", "End after so many steps"))
        .arg(int(
            "save-every",
            "N",
            "Steps between checkpoints, beside those of each epoch",
        ))
        .arg(arg("run", "DIR", "Where everything goes (runs/MODEL-DATA)").value_parser(value_parser!(PathBuf)))
        .arg(
            arg(
                "resume",
                "DIR",
                "Go on with the run in this folder from its last checkpoint",
            )
            .value_parser(value_parser!(PathBuf))
            .conflicts_with_all(["model", "data", "path", "run"]),
        )
}

impl Config {
    /// From the command line, with the defaults of the model.
    pub fn new(m: &ArgMatches) -> Result<Config> {
        let text = |name: &str| m.get_one::<String>(name).cloned();
        let int = |name: &str, otherwise: i64| m.get_one::<i64>(name).copied().unwrap_or(otherwise);
        let number = |name: &str, otherwise: f64| m.get_one::<f64>(name).copied().unwrap_or(otherwise);
        let (model, data) = (text("model").unwrap_or_default(), text("data").unwrap_or_default());
        let (resnet, gpt, lstm) = (model == "resnet", model == "gpt", model == "lstm");
        let on_text = data == "text";
        if on_text != (gpt || lstm) {
            bail!(
                Value,
                "{model} is not for {data}: text is for lstm and gpt, images for mlp, lenet and resnet, csv for mlp"
            );
        }
        if data == "csv" && model != "mlp" {
            bail!(Value, "{model} is not for csv: the model for tables is mlp");
        }
        let path = text("path");
        if path.is_none() && data != "digits" {
            bail!(Value, "where is the data? duoc train {model} {data} PATH");
        }
        let optimizer = text("optimizer").unwrap_or_else(|| if resnet { "sgd" } else { "adamw" }.into());
        let lr = if optimizer.eq_ignore_ascii_case("sgd") {
            0.05
        } else {
            1e-3
        };
        let hidden = match model.as_str() {
            "lstm" => 256,
            "gpt" => 128,
            "resnet" => 32,
            _ => 256,
        };
        Ok(Config {
            path,
            epochs: int("epochs", 10),
            batch_size: int("batch-size", 64),
            lr: number("lr", lr),
            momentum: number("momentum", 0.9),
            weight_decay: number("weight-decay", if resnet { 5e-4 } else { 0.0 }),
            schedule: text("schedule").unwrap_or_else(|| if resnet { "onecycle" } else { "none" }.into()),
            clip: m.get_one::<f64>("clip").copied().or((gpt || lstm).then_some(1.0)),
            seed: int("seed", 0),
            workers: int("workers", 0),
            hidden: int("hidden", hidden),
            layers: int("layers", if gpt { 4 } else { 2 }),
            heads: int("heads", 4),
            dropout: number("dropout", if gpt { 0.1 } else { 0.0 }),
            context: int("context", if gpt { 128 } else { 64 }),
            augment: m.get_flag("augment"),
            target: text("target"),
            max_steps: m.get_one::<i64>("max-steps").copied(),
            save_every: m.get_one::<i64>("save-every").copied(),
            model,
            data,
            optimizer,
        })
    }

    /// As the checkpoint keeps it.
    pub fn to_dict(&self) -> Dict {
        Dict::from_iter([
            ("model", Object::from(self.model.as_str())),
            ("data", self.data.as_str().into()),
            ("path", self.path.clone().into()),
            ("epochs", self.epochs.into()),
            ("batch_size", self.batch_size.into()),
            ("lr", self.lr.into()),
            ("optimizer", self.optimizer.as_str().into()),
            ("momentum", self.momentum.into()),
            ("weight_decay", self.weight_decay.into()),
            ("schedule", self.schedule.as_str().into()),
            ("clip", self.clip.into()),
            ("seed", self.seed.into()),
            ("workers", self.workers.into()),
            ("hidden", self.hidden.into()),
            ("layers", self.layers.into()),
            ("heads", self.heads.into()),
            ("dropout", self.dropout.into()),
            ("context", self.context.into()),
            ("augment", self.augment.into()),
            ("target", self.target.clone().into()),
            ("max_steps", self.max_steps.into()),
            ("save_every", self.save_every.into()),
        ])
    }

    /// From a checkpoint.
    pub fn from_dict(d: &Dict) -> Result<Config> {
        let all = Object::from(d.clone());
        let text = |name: &str| Ok::<_, duoc::Error>(all.get(name)?.str()?.to_string());
        let optional = |name: &str| match all.get(name)? {
            Object::None => Ok::<_, duoc::Error>(None),
            o => Ok(Some(o.clone())),
        };
        let int = |name: &str| all.get(name)?.int();
        let number = |name: &str| all.get(name)?.float();
        let maybe_text = |name: &str| optional(name)?.map(|o| o.str().map(str::to_string)).transpose();
        Ok(Config {
            model: text("model")?,
            data: text("data")?,
            path: maybe_text("path")?,
            epochs: int("epochs")?,
            batch_size: int("batch_size")?,
            lr: number("lr")?,
            optimizer: text("optimizer")?,
            momentum: number("momentum")?,
            weight_decay: number("weight_decay")?,
            schedule: text("schedule")?,
            clip: optional("clip")?.map(|o| o.float()).transpose()?,
            seed: int("seed")?,
            workers: int("workers")?,
            hidden: int("hidden")?,
            layers: int("layers")?,
            heads: int("heads")?,
            dropout: number("dropout")?,
            context: int("context")?,
            augment: all.get("augment")?.bool()?,
            target: maybe_text("target")?,
            max_steps: optional("max_steps")?.map(|o| o.int()).transpose()?,
            save_every: optional("save_every")?.map(|o| o.int()).transpose()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Config> {
        Config::new(&command().get_matches_from(line.split(' ')))
    }

    #[test]
    fn a_configuration_comes_back_from_its_dictionary() {
        for line in [
            "train mlp digits",
            "train gpt text a.txt --clip 2 --max-steps 7",
            "train resnet cifar10 d --augment --lr 0.1",
        ] {
            let c = parsed(line).unwrap();
            assert_eq!(Config::from_dict(&c.to_dict()).unwrap(), c, "{line}");
        }
    }

    #[test]
    fn what_does_not_go_together_is_said() {
        for line in [
            "train gpt digits",
            "train lenet text a",
            "train lenet csv a",
            "train mlp mnist",
        ] {
            assert!(parsed(line).is_err(), "{line}");
        }
    }
}
