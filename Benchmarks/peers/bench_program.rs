//! What the programs in Rust have in common, whatever they measure: a twin of bench_program.hpp. Their build puts
//! this beside their main.rs.

/// What came of a run.
#[derive(Default)]
pub struct Outcome {
    pub seconds: f64,
    pub ok: bool,
    /// Nanoseconds of each call, where calls are timed one by one.
    pub times: Vec<u64>,
}

pub fn refuse(why: &str) -> ! {
    eprintln!("{why}");
    std::process::exit(2)
}

/// A value of the command line.
pub fn number(option: &str, text: &str, least: u64) -> u64 {
    match text.parse() {
        Ok(value) if value >= least => value,
        _ => refuse(&format!("{option} must be a number from {least} up, and is '{text}'")),
    }
}

/// Prints the lines of `list` for `--list`, or else gives each option with its text to `set`, which says whether
/// there is such a one. Runs then have a limit.
pub fn parse(list: &[String], mut set: impl FnMut(&str, &str) -> bool) {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments == ["--list"] {
        list.iter().for_each(|line| println!("{line}"));
        std::process::exit(0)
    }
    for pair in arguments.chunks(2) {
        let [option, text] = pair else { refuse(&format!("{} needs a value", pair[0])) };
        if !set(option, text) {
            refuse(&format!("unknown option {option}"));
        }
    }
    // Who started this may be gone by the time that something hangs.
    unsafe { alarm(MOST_SECONDS) };
}

/// Prints the answer, with the variant's `fields` first, and ends.
pub fn answer(fields: &str, outcome: &Outcome) -> ! {
    let Outcome { seconds, ok, times } = outcome;
    let times: Vec<String> = times.iter().map(u64::to_string).collect();
    println!("{{{fields},\"seconds\":{seconds:.9},\"ok\":{ok},\"times\":[{}]}}", times.join(","));
    std::process::exit(i32::from(!ok))
}

const MOST_SECONDS: u32 = 120;

extern "C" {
    fn alarm(seconds: u32) -> u32;
}
