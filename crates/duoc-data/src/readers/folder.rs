//! A folder of pictures, one subfolder a class.

use std::path::{Path, PathBuf};

use duoc_core::{Error, ErrorKind, Result, Tensor, ensure};

use super::picture::{Colours, read_picture};
use crate::dataset::check_index;
use crate::transform::to_tensor;
use crate::{Dataset, Transform};

const ENDINGS: [&str; 4] = ["bmp", "jpeg", "jpg", "png"];
/// Folders inside folders: links can lead round in a circle.
const DEEPEST: usize = 16;

/// Pictures below `root/CLASS/`: sample `i` is the picture as (channels, rows, columns) of float32 between 0 and 1, after the
/// transform, and the number of its class. Classes and files are in the order of their names, as in torchvision.
pub struct ImageFolder {
    classes: Vec<String>,
    samples: Vec<(PathBuf, i64)>,
    colours: Colours,
    transform: Option<Box<dyn Transform>>,
}

impl ImageFolder {
    /// Looks for the pictures; each is read when it is asked for.
    ///
    /// # Errors
    /// `OSError` if a folder cannot be read, `ValueError` if there are no classes or one has no pictures.
    pub fn new(root: impl AsRef<Path>) -> Result<ImageFolder> {
        let root = root.as_ref();
        let mut classes = Vec::new();
        let mut samples = Vec::new();
        for path in listed(root)? {
            if !path.is_dir() {
                continue;
            }
            let before = samples.len();
            let class = classes.len() as i64;
            gather(&path, DEEPEST, &mut |file| samples.push((file, class)))?;
            ensure!(
                samples.len() > before,
                Value,
                "Found no valid file for the class {}. Supported extensions are: {}",
                path.display(),
                ENDINGS.join(", ")
            );
            classes.push(path.file_name().unwrap_or_default().to_string_lossy().into_owned());
        }
        ensure!(
            !classes.is_empty(),
            Value,
            "Couldn't find any class folder in {}.",
            root.display()
        );
        Ok(ImageFolder {
            classes,
            samples,
            colours: Colours::Rgb,
            transform: None,
        })
    }

    /// The same pictures, read with these channels.
    #[must_use]
    pub fn colours(mut self, colours: Colours) -> ImageFolder {
        self.colours = colours;
        self
    }

    /// The same pictures, each changed by `transform`.
    #[must_use]
    pub fn transform(mut self, transform: impl Transform + 'static) -> ImageFolder {
        self.transform = Some(Box::new(transform));
        self
    }

    /// The names of the classes.
    pub fn classes(&self) -> &[String] {
        &self.classes
    }

    /// Where each picture is, and its class.
    pub fn samples(&self) -> &[(PathBuf, i64)] {
        &self.samples
    }
}

fn listed(folder: &Path) -> Result<Vec<PathBuf>> {
    let read = || -> std::io::Result<Vec<PathBuf>> {
        let mut paths: Vec<PathBuf> = std::fs::read_dir(folder)?
            .map(|e| Ok(e?.path()))
            .collect::<std::io::Result<_>>()?;
        paths.sort();
        Ok(paths)
    };
    read().map_err(|e| Error::new(ErrorKind::Io, format!("{}: {e}", folder.display())))
}

/// Files before those of subfolders, each in the order of names.
fn gather(folder: &Path, depth: usize, found: &mut impl FnMut(PathBuf)) -> Result<()> {
    let (folders, files): (Vec<PathBuf>, Vec<PathBuf>) = listed(folder)?.into_iter().partition(|p| p.is_dir());
    for file in files {
        let ending = file
            .extension()
            .and_then(|e| e.to_str())
            .unwrap_or("")
            .to_ascii_lowercase();
        if ENDINGS.contains(&ending.as_str()) {
            found(file);
        }
    }
    if depth > 0 {
        folders.iter().try_for_each(|f| gather(f, depth - 1, found))?;
    }
    Ok(())
}

impl Dataset for ImageFolder {
    type Item = (Tensor, i64);
    fn len(&self) -> usize {
        self.samples.len()
    }
    fn get(&self, index: usize) -> Result<(Tensor, i64)> {
        check_index(index, self.len())?;
        let (path, class) = &self.samples[index];
        let picture = to_tensor(&read_picture(path, self.colours)?)?;
        let changed = match &self.transform {
            Some(t) => t.apply(picture).map_err(|e| e.at(path.display()))?,
            None => picture,
        };
        Ok((changed, *class))
    }
}
