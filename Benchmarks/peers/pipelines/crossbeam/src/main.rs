//! crossbeam-channel, measured as ../bench_pipeline.hpp measures all others: what is said there holds here.
//!
//! One thread is the source, each worker of a stage is one, and the main thread is the consumer. Without a throttle the
//! channels are `unbounded()`.

mod bench_program;

use bench_program::{answer, number, parse, refuse, Outcome};
use crossbeam_channel::{bounded, unbounded, Receiver, Sender};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

const BETWEEN_DUE: Duration = Duration::from_micros(20);
const SLOW_ITEM: Duration = Duration::from_millis(1);
const SLEEP_MARGIN: Duration = Duration::from_micros(60);

struct Settings {
    measure: String,
    items: u64,
    workers: u64,
    throttle: u64,
    stages: u64,
    spin: u64,
    element: String,
}

impl Settings {
    /// Three stages are the source, one body and the sum; of eight all but the source are bodies.
    fn body_count(&self) -> u64 {
        if self.stages == 3 { 1 } else { self.stages - 1 }
    }
}

// ---- The pipeline ----

fn channel<Item>(throttle: u64) -> (Sender<Item>, Receiver<Item>) {
    match throttle {
        0 => unbounded(),
        bound => bounded(bound as usize),
    }
}

fn run<Item: Send>(
    s: &Settings,
    count: u64,
    source: impl Fn(u64) -> Item + Send,
    body: impl Fn(Item) -> Item + Sync,
    sink: impl FnMut(Item),
) {
    std::thread::scope(|scope| {
        let (sender, mut items) = channel(s.throttle);
        scope.spawn(move || (0..count).for_each(|i| sender.send(source(i)).unwrap()));
        let body = &body;
        for _ in 0..s.body_count() {
            let (sender, results) = channel(s.throttle);
            for _ in 0..s.workers {
                let (items, sender) = (items.clone(), sender.clone());
                scope.spawn(move || items.iter().for_each(|item| sender.send(body(item)).unwrap()));
            }
            items = results;
        }
        items.iter().for_each(sink);
    });
}

// ---- Elements ----

fn add_one(x: u64, spin: u64) -> u64 {
    if spin == 0 {
        return x + 1;
    }
    let mut state = x;
    for _ in 0..spin {
        // Without the shift, LLVM would make one step of several.
        state = (state ^ (state >> 32)).wrapping_mul(0xd6e8_feb8_6659_fd93);
    }
    x + 1 + u64::from(state == 42)
}

struct Object {
    value: u64,
}

/// The sum of 0 up to before `count`, of numbers to each of which `bodies` was added.
fn expected_sum(count: u64, bodies: u64) -> u64 {
    let count = count as u128;
    (count * (count - 1) / 2 + bodies as u128 * count) as u64
}

// ---- Measuring ----

fn stream(s: &Settings) -> Outcome {
    let prepared: Vec<String> = (24..40).map(|length| "x".repeat(length)).collect();
    let mut sum = 0u64;
    let mut expected = expected_sum(s.items, s.body_count());
    let started = Instant::now();
    match s.element.as_str() {
        "string" => {
            run(s, s.items, |i| prepared[i as usize & 15].clone(), |x| x, |x: String| sum += x.len() as u64);
            let rest = s.items % 16;
            expected = 24 * s.items + s.items / 16 * 120 + rest * rest.saturating_sub(1) / 2;
        }
        "class" => run(
            s,
            s.items,
            |i| Box::new(Object { value: i }),
            |x| Box::new(Object { value: add_one(x.value, s.spin) }),
            |x| sum = sum.wrapping_add(x.value),
        ),
        _ => run(s, s.items, |i| i, |x| add_one(x, s.spin), |x| sum = sum.wrapping_add(x)),
    }
    Outcome { seconds: started.elapsed().as_secs_f64(), ok: sum == expected, times: Vec::new() }
}

fn tail(s: &Settings) -> Outcome {
    let is_slow = |i: u64| i % 1000 == 500;
    let first_due = OnceLock::new();
    let due = |i: u64| *first_due.get_or_init(Instant::now) + BETWEEN_DUE * i as u32;
    let mut times = Vec::with_capacity(s.items as usize);
    let mut sum = 0;
    let started = Instant::now();
    run(
        s,
        s.items,
        |i| {
            let due = due(i);
            let left = due.saturating_duration_since(Instant::now());
            if left > SLEEP_MARGIN {
                std::thread::sleep(left - SLEEP_MARGIN);
            }
            while Instant::now() < due {
                std::thread::yield_now();
            }
            i
        },
        |i| {
            if is_slow(i) {
                std::thread::sleep(SLOW_ITEM);
            }
            i + 1
        },
        |x| {
            if !is_slow(x - 1) {
                times.push(due(x - 1).elapsed().as_nanos() as u64);
            }
            sum += x;
        },
    );
    Outcome { seconds: started.elapsed().as_secs_f64(), ok: sum == expected_sum(s.items, 1), times }
}

fn call(s: &Settings) -> Outcome {
    let mut outcome = Outcome { ok: true, ..Outcome::default() };
    let started = Instant::now();
    for number in 1..=s.items {
        let mut sum = 0;
        let started = Instant::now();
        run(s, 1, |_| number, |x| add_one(x, s.spin), |x| sum += x);
        outcome.times.push(started.elapsed().as_nanos() as u64);
        outcome.ok &= sum == number + 1;
    }
    outcome.seconds = started.elapsed().as_secs_f64();
    outcome
}

// ---- Command line ----

fn one_of(option: &str, text: &str, choices: &[&str]) -> String {
    if !choices.contains(&text) {
        refuse(&format!("{option} must be one of {}, and is '{text}'", choices.join(", ")));
    }
    text.into()
}

fn main() {
    const NAME: &str = "crossbeam-channel";
    let list = format!(
        "{{\"name\":\"{NAME}\",\"measures\":[\"stream\",\"tail\",\"call\"],\"elements\":[\"int\",\"string\",\"class\"],\
         \"mostWorkers\":0,\"unbounded\":true,\"spins\":true,\"stages\":[3,8]}}"
    );
    let mut s = Settings {
        measure: "stream".into(),
        items: 1_000_000,
        workers: 1,
        throttle: 1024,
        stages: 3,
        spin: 0,
        element: "int".into(),
    };
    parse(&[list], |option, text| {
        match option {
            "--variant" => drop(one_of(option, text, &[NAME])),
            "--measure" => s.measure = one_of(option, text, &["stream", "tail", "call"]),
            "--items" => s.items = number(option, text, 1),
            "--workers" => s.workers = number(option, text, 1),
            "--throttle" => s.throttle = number(option, text, 0),
            "--stages" => s.stages = number(option, &one_of(option, text, &["3", "8"]), 3),
            "--spin" => s.spin = number(option, text, 0),
            "--element" => s.element = one_of(option, text, &["int", "string", "class"]),
            _ => return false,
        }
        true
    });
    if s.element == "string" && s.spin > 0 {
        refuse("strings do not spin");
    }
    if s.measure != "stream" && (s.stages != 3 || s.element != "int") {
        refuse(&format!("{} has three stages of int", s.measure));
    }
    let outcome = match s.measure.as_str() {
        "tail" => tail(&s),
        "call" => call(&s),
        _ => stream(&s),
    };
    answer(&format!("\"name\":\"{NAME}\",\"measure\":\"{}\",\"items\":{}", s.measure, s.items), &outcome)
}
