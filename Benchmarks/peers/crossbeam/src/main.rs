//! The queues of crossbeam, measured as ../bench_queue.hpp measures all others: the same command line, threads,
//! waiting, checksum and answer. What is said there holds here.

use crossbeam_queue::{ArrayQueue, SegQueue};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Barrier;
use std::time::Instant;

const PAUSES_BEFORE_YIELD: u32 = 8;

extern "C" {
    fn sched_yield() -> i32;
}

trait Queue: Sync {
    fn push(&self, value: u64) -> bool;
    fn pop(&self) -> Option<u64>;
}

impl Queue for ArrayQueue<u64> {
    fn push(&self, value: u64) -> bool {
        ArrayQueue::push(self, value).is_ok()
    }
    fn pop(&self) -> Option<u64> {
        ArrayQueue::pop(self)
    }
}

impl Queue for SegQueue<u64> {
    fn push(&self, value: u64) -> bool {
        SegQueue::push(self, value);
        true
    }
    fn pop(&self) -> Option<u64> {
        SegQueue::pop(self)
    }
}

struct Waiting {
    looks: u32,
}

impl Waiting {
    fn new() -> Self {
        Waiting { looks: 0 }
    }
    fn step(&mut self) {
        if self.looks < PAUSES_BEFORE_YIELD {
            self.looks += 1;
            std::hint::spin_loop();
        } else {
            unsafe { sched_yield() };
        }
    }
}

/// On cache lines of its own.
#[repr(align(128))]
struct ProducersLeft(AtomicU64);

struct Settings {
    variant: String,
    producers: u64,
    consumers: u64,
    capacity: u64,
    elements: u64,
    batch: u64,
}

fn receive(queue: &impl Queue, left: &ProducersLeft) -> Option<u64> {
    let mut waiting = Waiting::new();
    loop {
        if let Some(value) = queue.pop() {
            return Some(value);
        }
        if left.0.load(Ordering::Acquire) == 0 {
            return queue.pop();
        }
        waiting.step();
    }
}

fn produce(queue: &impl Queue, first: u64, end: u64) {
    for value in first..end {
        let mut waiting = Waiting::new();
        while !queue.push(value) {
            waiting.step();
        }
    }
}

/// Seconds, and whether every element came out.
fn measure(queue: &impl Queue, s: &Settings) -> (f64, bool) {
    let threads = s.producers + s.consumers;
    let barrier = Barrier::new(threads as usize + 1);
    let arrived = AtomicU64::new(0);
    let left = ProducersLeft(AtomicU64::new(s.producers));
    let wait_for_start = || {
        arrived.fetch_add(1, Ordering::Relaxed);
        barrier.wait();
    };
    let (start, received) = std::thread::scope(|scope| {
        for p in 0..s.producers {
            let (wait_for_start, left) = (&wait_for_start, &left);
            scope.spawn(move || {
                wait_for_start();
                let (share, rest) = (s.elements / s.producers, s.elements % s.producers);
                let first = 1 + p * share + p.min(rest);
                produce(queue, first, first + share + u64::from(p < rest));
                left.0.fetch_sub(1, Ordering::Release);
            });
        }
        let mut consumers = Vec::new();
        for _ in 0..s.consumers {
            let (wait_for_start, left) = (&wait_for_start, &left);
            consumers.push(scope.spawn(move || {
                wait_for_start();
                let (mut count, mut sum) = (0u64, 0u64);
                while count < s.elements {
                    let Some(value) = receive(queue, left) else { break };
                    count += 1;
                    sum = sum.wrapping_add(value);
                }
                (count, sum, Instant::now())
            }));
        }
        while arrived.load(Ordering::Relaxed) < threads {
            unsafe { sched_yield() };
        }
        let start = Instant::now();
        barrier.wait();
        let received: Vec<_> = consumers.into_iter().map(|c| c.join().unwrap()).collect();
        (start, received)
    });
    let count: u64 = received.iter().map(|r| r.0).sum();
    let sum = received.iter().fold(0u64, |sum, r| sum.wrapping_add(r.1));
    let end = received.iter().map(|r| r.2).max().unwrap();
    let n = s.elements as u128;
    (end.duration_since(start).as_secs_f64(), count == s.elements && sum == (n * (n + 1) / 2) as u64)
}

fn refuse(why: &str) -> ! {
    eprintln!("{why}");
    std::process::exit(2)
}

fn parse(arguments: &[String]) -> Settings {
    let mut s = Settings {
        variant: "ArrayQueue".into(),
        producers: 1,
        consumers: 1,
        capacity: 1024,
        elements: 1_000_000,
        batch: 1,
    };
    for pair in arguments.chunks(2) {
        let [option, text] = pair else { refuse(&format!("{} needs a value", pair[0])) };
        let number = || match text.parse::<u64>() {
            Ok(value) if value >= 1 => value,
            _ => refuse(&format!("{option} must be a number from 1 up, and is '{text}'")),
        };
        match option.as_str() {
            "--variant" => s.variant = text.clone(),
            "--producers" => s.producers = number(),
            "--consumers" => s.consumers = number(),
            "--capacity" => s.capacity = number(),
            "--elements" => s.elements = number(),
            "--batch" => s.batch = number(),
            _ => refuse(&format!("unknown option {option}")),
        }
    }
    if s.batch > 1 {
        refuse("crossbeam's queues have no bulk operations");
    }
    s
}

fn main() {
    let variants = [("ArrayQueue", true), ("SegQueue", false)];
    // Both wait, inside, for a thread that has claimed a slot: ArrayQueue only when it looks full or empty.
    let guarantees = "blocking";
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments == ["--list"] {
        for (name, bounded) in variants {
            println!(
                "{{\"name\":\"{name}\",\"guarantees\":\"{guarantees}\",\"bounded\":{bounded},\"mostProducers\":1000,\
                 \"mostConsumers\":1000,\"fixedCapacity\":0,\"bulk\":false}}"
            );
        }
        return;
    }
    let s = parse(&arguments);
    let Some((name, bounded)) = variants.into_iter().find(|v| v.0 == s.variant) else {
        refuse(&format!("no variant '{}'; --list tells them", s.variant))
    };
    let (seconds, ok) = match bounded {
        true => measure(&ArrayQueue::new(s.capacity as usize), &s),
        false => measure(&SegQueue::new(), &s),
    };
    println!(
        "{{\"name\":\"{name}\",\"guarantees\":\"{guarantees}\",\"bounded\":{bounded},\"producers\":{},\"consumers\":{},\
         \"capacity\":{},\"batch\":{},\"elements\":{},\"seconds\":{seconds:.9},\"ok\":{ok}}}",
        s.producers, s.consumers, s.capacity, s.batch, s.elements
    );
    std::process::exit(i32::from(!ok));
}
