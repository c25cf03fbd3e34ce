//! Random samples: which nodes a pod looks at. The draws are different at each attempt.

pub mod tarcil;
