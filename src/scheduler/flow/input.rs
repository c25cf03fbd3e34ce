//! Input of tasks on a file system that keeps copies of blocks on nodes drawn at random, as the
//! simulator of Firmament has it.

use rng::{Stream, math};
use units::{Identity, NodeId};

use super::cost_model::Block;

/// Size and spread of the input of tasks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InputOptions {
    /// Mean size of a task's input in bytes; sizes are exponentially distributed.
    pub mean_bytes: i64,
    /// Largest size of a block in bytes.
    pub block_bytes: i64,
    /// Number of nodes with a copy of each block.
    pub copies: u32,
    /// The run's seed.
    pub seed: u64,
}

impl Default for InputOptions {
    fn default() -> Self {
        Self {
            mean_bytes: 1_000_000_000,
            block_bytes: 256_000_000,
            copies: 3,
            seed: 0,
        }
    }
}

/// Blocks that one task reads at most: the last one holds the rest.
const MOST_BLOCKS: i64 = 1_000;

impl InputOptions {
    /// The input of a task, on some of these nodes.
    pub(super) fn draw(&self, task: Identity, nodes: &[NodeId]) -> Vec<Block> {
        let mut stream = Stream::of(self.seed, "flow/input", task);
        let size = -math::ln(stream.open_unit_f64()) * self.mean_bytes as f64;
        let mut left = size.round() as i64;
        let mut blocks = Vec::new();
        if nodes.is_empty() {
            return blocks;
        }
        while left > 0 {
            let is_last = blocks.len() as i64 + 1 == MOST_BLOCKS;
            let bytes = if is_last {
                left
            } else {
                left.min(self.block_bytes)
            };
            left -= bytes;
            let copies = (self.copies as usize).min(nodes.len());
            let mut block = Block {
                bytes,
                nodes: smallvec::SmallVec::new(),
            };
            while block.nodes.len() < copies {
                let node = nodes[stream.below(nodes.len() as u64) as usize];
                if !block.nodes.contains(&node) {
                    block.nodes.push(node);
                }
            }
            blocks.push(block);
        }
        blocks
    }
}
