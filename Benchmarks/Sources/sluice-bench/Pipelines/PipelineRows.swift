/// The rows of `sluice-bench pipelines`, in the order of the tables.
let pipelineRows: [PipelineRow] =
  throttleRows + workerRows + spinRows + elementRows + consumerRows + timeRows + growthRows + [wordsRow]

private let shape = "source 0..<n, +1, sum"
private let none = [PipelineGoal.noneAhead]

private let throttleRows = [1, 64, usualThrottle, 0].map { throttle in
  PipelineRow(
    name: "pass-through, \(throttle == 0 ? "no throttle" : "throttle \(throttle)")",
    about: "\(shape); \(throttle == 0 ? "no bound on the queues" : "at most \(throttle) in each queue")",
    throttle: throttle, goals: (throttle == usualThrottle ? [.timesBest(10)] : []) + none,
    isMain: throttle == usualThrottle)
}

private let workerRows = [2, 4, 20].map { workers in
  PipelineRow(
    name: "pass-through, \(workers) workers", about: "\(shape); +1 with \(workers) workers", workers: workers,
    goals: (workers > 2 ? [.timesBest(5)] : []) + none, isMain: workers > 2)
}

/// Grains of work in the body.
private let spinRows = [("100 ns", 100, 2), ("1 µs", 1_000, 4), ("10 µs", 10_000, 2)].flatMap {
  name, nanoseconds, mostWorkers in
  [1, 2, 4].filter { $0 <= mostWorkers }.map { workers in
    let goal = workers == 2 ? [1_000: 0.95, 10_000: 0.99][nanoseconds] : nil
    return PipelineRow(
      name: "\(name), \(workers == 1 ? "1 worker" : "\(workers) workers")",
      about: "\(shape); the body computes for \(name), with \(workers) worker(s)", workers: workers,
      spinNanoseconds: nanoseconds, goals: (goal.map { [.times("plain loop", $0)] } ?? []) + none,
      isMain: workers == 2)
  }
}

private let elementRows = [
  PipelineRow(
    name: "String", about: "strings on the heap, passed on as they are, their lengths summed up",
    element: .string, goals: none),
  PipelineRow(
    name: "class", about: "a new object for each item, +1 into another new object, sum", element: .class,
    goals: none),
  PipelineRow(
    name: "eight stages", about: "source 0..<n, then seven times +1, sum",
    stages: 8, goals: none, isMain: true),
]

private let consumerRows = [
  PipelineRow(
    name: "async consumer", about: "\(shape), which 'for try await' does",
    ours: ["Sluice, async consumer", "Sluice"], goals: [.times("AsyncChannel", 20)], isMain: true),
  PipelineRow(
    name: "async consumer, no throttle", about: "the same without a bound on the queues, beside AsyncStream",
    throttle: 0, ours: ["Sluice, async consumer", "Sluice"], goals: [.times("AsyncStream", 1)]),
  PipelineRow(
    name: "other sources and bodies", about: "\(shape), with a source that yields, or an async body",
    ours: OurPipeline.otherKinds.map(\.name), isAlone: true),
]

private let timeRows = [
  PipelineRow(
    name: "slow item in a thousand",
    about: """
      one item each 20 µs, every thousandth sleeps 1 ms, 4 workers, throttle 64: from when each other item \
      was due to the consumer
      """,
    measure: .tail, workers: 4, throttle: 64, ours: ["Sluice", "Sluice, async consumer"],
    figure: .microseconds, isMain: true),
  PipelineRow(
    name: "call over one item",
    about: "set-up, one item and tear-down of a pipeline of three stages, throttle 64",
    measure: .call, throttle: 64, ours: ["Sluice", "Sluice, async consumer"], figure: .microseconds,
    isMain: true),
  PipelineRow(
    name: "at rest", about: "a pipeline with 4 workers whose source sleeps for 2 s: the process's CPU time",
    measure: .rest, workers: 4, throttle: 64, ours: ["Sluice", "Sluice, async consumer"], isAlone: true,
    figure: .percentOfACore, goals: [.less(1)], isMain: true),
]

private let growthRows = [1, 4].map { workers in
  PipelineRow(
    name: "longer streams, \(workers == 1 ? "1 worker" : "\(workers) workers")",
    about: "\(shape) of 1 M and of 100 M items: neither their cost nor the memory should grow",
    workers: workers, isAlone: true, lengths: [1_000_000, 100_000_000], figure: .nanosecondsAnItem,
    goals: [.costGrowth(1.1), .memoryGrowth(1.05)], isMain: workers == 1)
}

let wordsRow = PipelineRow(
  name: "wordcount", about: "the words of all files of a folder, from the start of the program to its end",
  measure: .words, ours: ["wordcount", "wordcount --processes 2"], figure: .seconds, isMain: true)
