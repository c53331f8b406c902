//! Which format a file has, and the tensors of any of them.

use std::fmt;
use std::path::Path;

use duoc_core::{Result, Tensor, bail};

use crate::archive::{Archive, Checksum};
use crate::object::{Dict, Object};
use crate::source::{self, Disk, Source, Stretch};
use crate::{npy, npz, pt, safetensors};

/// A format of tensors in files.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Format {
    /// PyTorch's `.pt`, `.pth`, and the `.bin` of model hubs.
    Pt,
    /// `.safetensors`.
    Safetensors,
    /// NumPy's `.npz`: several arrays.
    Npz,
    /// NumPy's `.npy`: one array.
    Npy,
}

impl Format {
    /// The format that a file's name asks for.
    ///
    /// # Errors
    /// `ValueError` if its ending is not known.
    pub fn of_name(path: impl AsRef<Path>) -> Result<Format> {
        let path = path.as_ref();
        let ending = path
            .extension()
            .and_then(|e| e.to_str())
            .unwrap_or("")
            .to_ascii_lowercase();
        Ok(match ending.as_str() {
            "pt" | "pth" | "bin" | "ckpt" => Format::Pt,
            "safetensors" => Format::Safetensors,
            "npz" => Format::Npz,
            "npy" => Format::Npy,
            _ => bail!(
                Value,
                "{}: the name ends in none of .pt, .pth, .bin, .ckpt, .safetensors, .npz and .npy",
                path.display()
            ),
        })
    }

    /// The format that a file has, by its contents.
    ///
    /// # Errors
    /// `OSError` if it cannot be read, `ValueError` if it has none of them.
    pub fn of_contents(path: impl AsRef<Path>) -> Result<Format> {
        let path = path.as_ref();
        detect(&Disk::open(path)?).map_err(|e| e.at(path.display()))
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Format::Pt => "PyTorch",
            Format::Safetensors => "safetensors",
            Format::Npz => "NumPy .npz",
            Format::Npy => "NumPy .npy",
        })
    }
}

fn detect(source: &dyn Source) -> Result<Format> {
    let mut head = [0; 16];
    let n = source.len().min(16) as usize;
    source.read_at(0, &mut head[..n]).map_err(source::failed)?;
    if Archive::begins(&head) {
        let archive = Archive::open(source, Checksum::UnlessZero)?;
        if pt::is_pt(&archive) {
            return Ok(Format::Pt);
        }
        if npz::is_npz(&archive) {
            return Ok(Format::Npz);
        }
        bail!(Value, "a zip archive, but neither PyTorch's nor NumPy's");
    }
    match head {
        _ if head.starts_with(b"\x93NUMPY") => Ok(Format::Npy),
        _ if head[0] == 0x80 && (2..=5).contains(&head[1]) => Ok(Format::Pt),
        [_, _, _, _, _, _, 0, 0, b'{', ..] => Ok(Format::Safetensors),
        _ => bail!(Value, "neither a PyTorch, safetensors, .npz nor .npy file"),
    }
}

/// Everything in a file of any of the formats, found by its contents. From the formats that hold nothing but tensors it is
/// a dictionary of them, and the texts of a safetensors file are its `__metadata__`.
///
/// # Errors
/// As the format's own loader.
pub fn load(path: impl AsRef<Path>) -> Result<Object> {
    let path = path.as_ref();
    load_as(path, pt::PtOptions::default()).map(|(_, object)| object)
}

pub(crate) fn load_as(path: &Path, options: pt::PtOptions) -> Result<(Format, Object)> {
    let disk = Disk::open(path)?;
    let read = || {
        let format = detect(&disk)?;
        let mut dict = Dict::new();
        match format {
            Format::Pt => return Ok((format, pt::read(&disk, options)?)),
            Format::Safetensors => {
                let mut file = safetensors::read(&disk)?;
                for name in &file.order {
                    if let Some(t) = file.tensors.remove(name) {
                        dict.push(name.as_str().into(), t.into())?;
                    }
                }
                if !file.metadata.is_empty() {
                    dict.insert("__metadata__", Dict::from_iter(file.metadata));
                }
            }
            Format::Npz => {
                for (name, t) in npz::read_usual(&disk)? {
                    dict.push(name.into(), t.into())?;
                }
            }
            Format::Npy => {
                let mut all = Stretch {
                    source: &disk,
                    at: 0,
                    end: disk.len(),
                };
                dict.insert("array", npy::read(&mut all, disk.len())?);
            }
        }
        dict.ordered = true;
        Ok((format, dict.into()))
    };
    read().map_err(|e: duoc_core::Error| e.at(path.display()))
}

/// For looking into files: objects of unknown classes are shown as what they were made from.
pub(crate) const TO_LOOK: pt::PtOptions = pt::PtOptions {
    unknown_as_records: true,
};

/// What [`convert`] did.
#[derive(Clone, Debug, Default)]
pub struct Converted {
    /// How many tensors were written.
    pub tensors: usize,
    /// What the new format has no place for, by path.
    pub left_out: Vec<String>,
}

/// Writes what is in the file `from`, whose format its contents say, into the file `to`, whose format its name says. The
/// new file appears at once or not at all. Of objects of unknown classes, as whole modules saved by PyTorch are, the tensors
/// are written.
///
/// # Errors
/// As loading and saving; `ValueError` for a `.npy` file of other than one tensor.
pub fn convert(from: impl AsRef<Path>, to: impl AsRef<Path>) -> Result<Converted> {
    let (from, to) = (from.as_ref(), to.as_ref());
    let format = Format::of_name(to)?;
    let (_, mut object) = load_as(from, TO_LOOK)?;
    // Modules of TorchScript cannot be written as such; their tensors can.
    if format == Format::Pt && !holds_records(&object) {
        pt::save_pt(to, &object)?;
        return Ok(Converted {
            tensors: object.tensors().len(),
            left_out: Vec::new(),
        });
    }
    let mut texts = Dict::new();
    if let (Format::Safetensors, Object::Dict(d)) = (format, &mut object)
        && let Some(Object::Dict(metadata)) = d.get("__metadata__")
    {
        texts = (**metadata).clone();
        d.remove_if(|key| matches!(key, Object::Str(s) if &**s == "__metadata__"));
    }
    let tensors = object.tensors();
    let named = || tensors.iter().map(|(name, t)| (name.as_str(), t));
    match format {
        Format::Pt => pt::save_state_dict(to, named())?,
        Format::Safetensors => {
            let text = |(k, v): (&Object, &Object)| Some((k.str().ok()?.to_string(), v.str().ok()?.to_string()));
            let texts: Vec<(String, String)> = texts.iter().filter_map(text).collect();
            let texts: Vec<(&str, &str)> = texts.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
            safetensors::save_safetensors(to, named(), &texts)?;
        }
        Format::Npz => npz::save_npz(to, named(), false)?,
        Format::Npy => match &tensors[..] {
            [(_, t)] => npy::save_npy(to, t)?,
            more => bail!(
                Value,
                "{}: a .npy file holds one tensor, not {}",
                to.display(),
                more.len()
            ),
        },
    }
    let other = |(name, leaf): (String, &Object)| (!matches!(leaf, Object::Tensor(_))).then_some(name);
    let left_out = object.leaves().into_iter().filter_map(other).collect();
    Ok(Converted {
        tensors: tensors.len(),
        left_out,
    })
}

fn holds_records(object: &Object) -> bool {
    match object {
        Object::Record(_) => true,
        Object::List(v) | Object::Tuple(v) | Object::Set(v) => v.iter().any(holds_records),
        Object::Dict(d) => d.iter().any(|(k, v)| holds_records(k) || holds_records(v)),
        _ => false,
    }
}

/// The tensors of a file of any of the formats, by name.
///
/// # Errors
/// As the format's own loader.
pub fn load_tensors(path: impl AsRef<Path>) -> Result<Vec<(String, Tensor)>> {
    Ok(load(path)?.tensors())
}
