//! Schedules given as a function of the epoch.

use super::{Entries, Epoch, Group, Optimizer, Rule, present};
use duoc_core::{Result, ensure};

/// A factor as a function of the epoch.
type Factor = Box<dyn Fn(i64) -> f64 + Send>;

/// The first rate times `lr_lambda(epoch)`. The function is not part of the saved state.
pub struct LambdaLR(Vec<Factor>);

/// The last rate times `lr_lambda(epoch)`, every epoch. The function is not part of the saved state.
pub struct MultiplicativeLR(Vec<Factor>);

macro_rules! by_function {
    ($name:ident) => {
        impl $name {
            /// One function for all groups.
            pub fn new(lr_lambda: impl Fn(i64) -> f64 + Send + 'static) -> $name {
                $name(vec![Box::new(lr_lambda)])
            }

            /// One function a group.
            pub fn per_group(lr_lambdas: Vec<Factor>) -> $name {
                $name(lr_lambdas)
            }

            fn factor(&self, group: usize, epoch: i64) -> f64 {
                self.0[group.min(self.0.len() - 1)](epoch)
            }

            fn fits(&self, groups: usize) -> Result<()> {
                ensure!(
                    self.0.len() == 1 || self.0.len() == groups,
                    Value,
                    "Expected {groups} lr_lambdas, but got {}",
                    self.0.len()
                );
                Ok(())
            }
        }
    };
}
by_function!(LambdaLR);
by_function!(MultiplicativeLR);

impl Rule for LambdaLR {
    fn name(&self) -> &'static str {
        "LambdaLR"
    }
    fn start(&mut self, optimizer: &mut Optimizer, _: bool) -> Result<()> {
        self.fits(optimizer.groups().len())
    }
    fn rates(&self, at: &Epoch, _: &mut [Group]) -> Result<Vec<f64>> {
        let one = |(i, base): (usize, &f64)| base * self.factor(i, at.epoch);
        Ok(at.base.iter().enumerate().map(one).collect())
    }
    fn state(&self) -> Entries {
        Entries::new()
    }
    fn load(&mut self, _: &Entries) -> Result<()> {
        Ok(())
    }
}

impl Rule for MultiplicativeLR {
    fn name(&self) -> &'static str {
        "MultiplicativeLR"
    }
    fn start(&mut self, optimizer: &mut Optimizer, _: bool) -> Result<()> {
        self.fits(optimizer.groups().len())
    }
    fn rates(&self, at: &Epoch, groups: &mut [Group]) -> Result<Vec<f64>> {
        if at.initial {
            return Ok(present(groups));
        }
        let one = |(i, g): (usize, &Group)| g.lr() * self.factor(i, at.epoch);
        Ok(groups.iter().enumerate().map(one).collect())
    }
    fn state(&self) -> Entries {
        Entries::new()
    }
    fn load(&mut self, _: &Entries) -> Result<()> {
        Ok(())
    }
}
