//! `duoc info`: what runs here.

use std::fs;

/// Prints one fact a line.
pub fn print() {
    println!("duoc     {}", env!("CARGO_PKG_VERSION"));
    println!("cpu      {}, SIMD level {}", cpu_model(), duoc::info::simd_level());
    println!("threads  {}", duoc::num_threads());
    println!("memory   {}", memory());
    println!("cpu      available");
    println!("cuda     not available");
}

/// The processor's name, where the system tells it.
fn cpu_model() -> String {
    let listed = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let named = listed
        .lines()
        .find(|l| l.starts_with("model name"))
        .and_then(|l| l.split_once(':'));
    match named {
        Some((_, name)) => name.trim().to_string(),
        None => std::env::var("PROCESSOR_IDENTIFIER").unwrap_or_else(|_| std::env::consts::ARCH.to_string()),
    }
}

fn memory() -> String {
    let gib = |bytes: usize| format!("{:.1} GiB", bytes as f64 / (1u64 << 30) as f64);
    match (duoc::info::available_memory(), duoc::info::total_memory()) {
        (Some(free), Some(all)) => format!("{} free of {}", gib(free), gib(all)),
        _ => "unknown on this system".to_string(),
    }
}
