//! The queues of crossbeam, measured as ../bench_queue.hpp measures all others: the same command line, threads,
//! waiting, checksum and answer. What is said there holds here.

mod bench_program;

use bench_program::{answer, number, parse, refuse, Outcome};
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

fn measure(queue: &impl Queue, s: &Settings) -> Outcome {
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
    let ok = count == s.elements && sum == (n * (n + 1) / 2) as u64;
    Outcome { seconds: end.duration_since(start).as_secs_f64(), ok, times: Vec::new() }
}

fn main() {
    let variants = [("ArrayQueue", true), ("SegQueue", false)];
    // Both wait, inside, for a thread that has claimed a slot: ArrayQueue only when it looks full or empty.
    let fields = |(name, bounded)| format!("\"name\":\"{name}\",\"guarantees\":\"blocking\",\"bounded\":{bounded}");
    let list = variants.map(|variant| {
        let fields = fields(variant);
        format!("{{{fields},\"mostProducers\":1000,\"mostConsumers\":1000,\"fixedCapacity\":0,\"bulk\":false}}")
    });
    let mut s = Settings {
        variant: "ArrayQueue".into(),
        producers: 1,
        consumers: 1,
        capacity: 1024,
        elements: 1_000_000,
        batch: 1,
    };
    parse(&list, |option, text| {
        match option {
            "--variant" => s.variant = text.into(),
            "--producers" => s.producers = number(option, text, 1),
            "--consumers" => s.consumers = number(option, text, 1),
            "--capacity" => s.capacity = number(option, text, 1),
            "--elements" => s.elements = number(option, text, 1),
            "--batch" => s.batch = number(option, text, 1),
            _ => return false,
        }
        true
    });
    if s.batch > 1 {
        refuse("crossbeam's queues have no bulk operations");
    }
    let Some(variant) = variants.into_iter().find(|v| v.0 == s.variant) else {
        refuse(&format!("no variant '{}'; --list tells them", s.variant))
    };
    let outcome = match variant.1 {
        true => measure(&ArrayQueue::new(s.capacity as usize), &s),
        false => measure(&SegQueue::new(), &s),
    };
    let settings = format!(
        "\"producers\":{},\"consumers\":{},\"capacity\":{},\"batch\":{},\"elements\":{}",
        s.producers, s.consumers, s.capacity, s.batch, s.elements
    );
    answer(&format!("{},{settings}", fields(variant)), &outcome)
}
