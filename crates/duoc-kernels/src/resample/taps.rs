//! The table of one axis.

/// For each result along an axis the input cells that it is a sum of, and their weights.
#[derive(Clone, Debug, Default)]
pub struct Taps {
    /// The number of input cells.
    pub inputs: usize,
    /// The taps of result `o` are `start[o]..start[o + 1]`.
    pub start: Vec<u32>,
    /// Input cells.
    pub index: Vec<u32>,
    /// Their weights.
    pub weight: Vec<f64>,
}

impl Taps {
    /// A table without results.
    pub fn new(inputs: usize) -> Taps {
        Taps {
            inputs,
            start: vec![0],
            ..Taps::default()
        }
    }

    /// Adds a tap to the result that is being described.
    pub fn tap(&mut self, index: usize, weight: f64) {
        self.index.push(index as u32);
        self.weight.push(weight);
    }

    /// Ends the description of a result.
    pub fn end(&mut self) {
        self.start.push(self.index.len() as u32);
    }

    /// The number of results.
    pub fn outputs(&self) -> usize {
        self.start.len() - 1
    }

    /// The taps of a result.
    pub(super) fn of(&self, o: usize) -> std::ops::Range<usize> {
        self.start[o] as usize..self.start[o + 1] as usize
    }

    /// How many taps every result has, if all have as many.
    pub(super) fn each(&self) -> Option<usize> {
        let n = self.of(0).len();
        (0..self.outputs()).all(|o| self.of(o).len() == n).then_some(n)
    }

    /// First cell and the one behind the last that results `from..to` use.
    pub(super) fn span(&self, from: usize, to: usize) -> (usize, usize) {
        let used = &self.index[self.start[from] as usize..self.start[to] as usize];
        let low = used.iter().min().map_or(0, |i| *i as usize);
        let high = used.iter().max().map_or(0, |i| *i as usize + 1);
        (low, high)
    }

    /// The adjoint map: every input cell becomes the sum over the results that it went into.
    pub fn transposed(&self) -> Taps {
        let mut start = vec![0u32; self.inputs + 1];
        for i in &self.index {
            start[*i as usize + 1] += 1;
        }
        for i in 0..self.inputs {
            start[i + 1] += start[i];
        }
        let mut at = start.clone();
        let mut index = vec![0; self.index.len()];
        let mut weight = vec![0.0; self.index.len()];
        for o in 0..self.outputs() {
            for k in self.of(o) {
                let place = &mut at[self.index[k] as usize];
                index[*place as usize] = o as u32;
                weight[*place as usize] = self.weight[k];
                *place += 1;
            }
        }
        Taps {
            inputs: self.outputs(),
            start,
            index,
            weight,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Taps;

    #[test]
    fn transposing_twice_gives_the_table_back() {
        let mut t = Taps::new(3);
        for o in 0..5 {
            t.tap(o / 2, 0.25 * o as f64);
            if o > 1 {
                t.tap(o - 2, 1.0);
            }
            t.end();
        }
        let once = t.transposed();
        assert_eq!(once.outputs(), 3);
        assert_eq!(once.inputs, 5);
        // Within a result the order is that of the cells afterwards; the map is the same.
        let dense = |t: &Taps, flip: bool| {
            let mut m = [[0.0; 5]; 5];
            for o in 0..t.outputs() {
                for k in t.of(o) {
                    let (a, b) = if flip {
                        (t.index[k] as usize, o)
                    } else {
                        (o, t.index[k] as usize)
                    };
                    m[a][b] += t.weight[k];
                }
            }
            m
        };
        assert_eq!(dense(&t, false), dense(&once, true));
        assert_eq!(dense(&t, false), dense(&once.transposed(), false));
    }
}
