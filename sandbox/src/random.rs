//! A small seeded source of choices whose answers never change between releases of any library.
//!
//! The sandbox promises the same bytes for the same seed. Each thing draws from its own labelled stream, so a new draw
//! for one thing does not shift all others.

/// A stream of choices (SplitMix64), determined by a seed and a label.
#[derive(Debug, Clone)]
pub struct Random(u64);

impl Random {
    /// The stream of the thing called `label` under `seed`.
    pub fn new(seed: u64, label: &str, index: usize) -> Self {
        // FNV-1a over the label keeps streams of different things apart.
        let named = label
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3));
        let mut random = Self(named ^ mix(seed) ^ mix(index as u64).rotate_left(17));
        random.next();
        random
    }

    /// The next 64 bits.
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.0)
    }

    /// A number in `0..bound`; 0 when the bound is 0.
    pub fn below(&mut self, bound: usize) -> usize {
        if bound == 0 {
            return 0;
        }
        // The bias of a remainder by so small a bound is far below anything the sandbox could show.
        (self.next() % bound as u64) as usize
    }

    /// A number from `low` to `high`, both included.
    pub fn between(&mut self, low: u32, high: u32) -> u32 {
        low + self.below((high - low + 1) as usize) as u32
    }

    /// True in about `percent` of 100 draws.
    pub fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    /// One of `choices`.
    pub fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        assert!(!choices.is_empty(), "a choice needs something to choose from");
        choices[self.below(choices.len())]
    }

    /// One of `choices`, each as likely as its weight says.
    pub fn weighted<T: Copy>(&mut self, choices: &[(T, usize)]) -> T {
        let total: usize = choices.iter().map(|(_, weight)| weight).sum();
        let mut draw = self.below(total);
        for (choice, weight) in choices {
            if draw < *weight {
                return *choice;
            }
            draw -= weight;
        }
        unreachable!("a draw below the total weight always falls on one of the choices")
    }

    /// `count` different ones of `choices`, in a drawn order; all of them when there are fewer.
    pub fn sample<'a, T>(&mut self, choices: &'a [T], count: usize) -> Vec<&'a T> {
        let mut left: Vec<&T> = choices.iter().collect();
        let mut drawn = Vec::new();
        while drawn.len() < count && !left.is_empty() {
            drawn.push(left.swap_remove(self.below(left.len())));
        }
        drawn
    }
}

fn mix(value: u64) -> u64 {
    let mut z = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_and_label_draw_the_same() {
        let draws = |seed, label| {
            let mut random = Random::new(seed, label, 3);
            (0..5).map(|_| random.next()).collect::<Vec<_>>()
        };
        assert_eq!(draws(1, "site"), draws(1, "site"));
        assert_ne!(draws(1, "site"), draws(2, "site"));
        assert_ne!(draws(1, "site"), draws(1, "page"));
    }

    #[test]
    fn a_weight_of_zero_is_never_drawn() {
        let mut random = Random::new(1, "weights", 0);
        assert!((0..200).all(|_| random.weighted(&[("never", 0), ("always", 1)]) == "always"));
    }
}
