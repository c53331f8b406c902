//! `duoc layers`: what a layer computes, what it costs, when it helps, with numbers put in; in English and Vietnamese.

mod numbers;
mod pages_table;

use clap::{Arg, ArgMatches, Command, value_parser};
use duoc::{Result, bail};
use numbers::Numbers;
pub use numbers::shape_of;
use pages_table::{PAGES, Page, Text};

pub fn command() -> Command {
    let size = |name: &'static str, help: &'static str| {
        Arg::new(name)
            .long(name)
            .value_name("N")
            .value_parser(value_parser!(u32).range(0..=1_000_000))
            .help(help)
    };
    Command::new("layers")
        .about("The layers: formulas, parameters, shapes, when to use them; duoc layers conv2d --in 3 --out 64")
        .arg(
            Arg::new("name")
                .value_name("NAME")
                .help("A layer; without one, all are listed"),
        )
        .arg(
            Arg::new("lang")
                .long("lang")
                .value_name("LANG")
                .value_parser(["en", "vi"])
                .default_value("en")
                .help("en or vi"),
        )
        .arg(size("in", "Features or channels that go in (d_in, c_in, d_model)"))
        .arg(size(
            "out",
            "Features or channels that come out (d_out, c_out, d_hidden)",
        ))
        .arg(size("kernel", "Side of the kernel or window"))
        .arg(size("stride", "Stride (1; the kernel for pooling)"))
        .arg(size("padding", "Padding (0)"))
        .arg(size("heads", "Attention heads (1)"))
        .arg(size("key", "Size of keys and queries of a head (d_model / heads)"))
        .arg(size("value", "Size of values of a head (d_model / heads)"))
        .arg(size("vocabulary", "Rows of an embedding"))
        .arg(
            Arg::new("input")
                .long("input")
                .value_name("SHAPE")
                .help("Shape of the input, 1x3x224x224: the shape of the output is computed"),
        )
}

pub fn run(m: &ArgMatches) -> Result<()> {
    let vietnamese = m.get_one::<String>("lang").is_some_and(|l| l == "vi");
    let Some(name) = m.get_one::<String>("name") else {
        list(vietnamese);
        return Ok(());
    };
    let page = find(name)?;
    let text = if vietnamese { &page.vi } else { &page.en };
    print!("{}", written(page, text, vietnamese, &Numbers::from_args(m)?)?);
    Ok(())
}

fn list(vietnamese: bool) {
    for page in PAGES {
        let text = if vietnamese { &page.vi } else { &page.en };
        println!("{:22} {}", page.names[0], text.title);
    }
}

fn plain(name: &str) -> String {
    name.chars()
        .filter(|c| c.is_alphanumeric())
        .flat_map(char::to_lowercase)
        .collect()
}

fn find(name: &str) -> Result<&'static Page> {
    let wanted = plain(name);
    match PAGES.iter().find(|p| p.names.iter().any(|n| plain(n) == wanted)) {
        Some(page) => Ok(page),
        None => {
            let names: Vec<&str> = PAGES.iter().map(|p| p.names[0]).collect();
            bail!(Key, "there is no page on {name}; there are: {}", names.join(", "))
        }
    }
}

/// The page as it is printed.
fn written(page: &Page, text: &Text, vietnamese: bool, n: &Numbers) -> Result<String> {
    let heads = match vietnamese {
        false => [
            "Formula",
            "Parameters",
            "Shapes",
            "How it works",
            "When to use it",
            "Limits",
            "Where it is used",
            "With your numbers",
        ],
        true => [
            "Công thức",
            "Tham số",
            "Kích thước",
            "Cách hoạt động",
            "Nên dùng khi nào",
            "Hạn chế",
            "Ứng dụng",
            "Với các số của bạn",
        ],
    };
    let mut out = format!("{} ({})\n", text.title, page.names.join(", "));
    let mut part = |head: &str, body: &str| {
        out += &format!("\n{head}\n");
        for line in body.lines() {
            out += &format!("  {}\n", line.trim());
        }
    };
    part(heads[0], page.formula);
    part(heads[1], page.count);
    part(heads[2], page.shapes);
    let bodies = [text.how, text.when, text.limits, text.uses];
    for (head, body) in heads[3..7].iter().zip(bodies) {
        part(head, body);
    }
    if let Some(lines) = n.put_in(page.names[0], vietnamese)? {
        part(heads[7], &lines);
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_page_is_whole_in_both_languages() {
        for page in PAGES {
            for text in [&page.en, &page.vi] {
                for part in [
                    text.title,
                    text.how,
                    text.when,
                    text.limits,
                    text.uses,
                    page.formula,
                    page.count,
                    page.shapes,
                ] {
                    assert!(!part.trim().is_empty(), "{}", page.names[0]);
                }
            }
            assert!(find(page.names[0]).is_ok());
        }
        assert!(find("Conv2D").is_ok() && find("self-attention").is_ok() && find("warp").is_err());
    }

    #[test]
    fn the_issue_s_example_is_answered() {
        let m = command().get_matches_from([
            "layers",
            "conv2d",
            "--in",
            "3",
            "--out",
            "64",
            "--kernel",
            "3",
            "--input",
            "1x3x224x224",
        ]);
        let page = find("conv2d").unwrap();
        let text = written(page, &page.en, false, &Numbers::from_args(&m).unwrap()).unwrap();
        assert!(text.contains("3·64·3·3 + 64 = 1792"), "{text}");
        assert!(text.contains("1x64x222x222"), "{text}");
    }
}
