import Foundation
import Synchronization

/// The limit: a thread for each worker, each with a for loop over its share of the items that calls the bodies and
/// sums up.
enum PlainLoop {
  static let pipeline = SwiftPipeline(
    variant: PipelineVariant(name: "plain loop", measures: ["stream"], role: .limit)
  ) { run, element in
    switch element {
    case .int: run.time(Int.self) { run in sum(run, Int.self) }
    case .string: run.time(String.self) { run in sum(run, String.self) }
    case .class: run.time(Box.self) { run in sum(run, Box.self) }
    }
  }

  @inline(__always)
  private static func sum<E: RunElement>(_ run: PipelineRun, _ type: E.Type) -> Int {
    let total = Atomic(0)
    let hasEnded = DispatchSemaphore(value: 0)
    for worker in 0..<run.workers {
      let share = run.items * worker / run.workers..<run.items * (worker + 1) / run.workers
      Thread {
        total.add(sum(share, run, type), ordering: .relaxed)
        hasEnded.signal()
      }.start()
    }
    for _ in 0..<run.workers { hasEnded.wait() }
    return total.load(ordering: .relaxed)
  }

  @inline(__always)
  private static func sum<E: RunElement>(_ share: Range<Int>, _ run: PipelineRun, _ type: E.Type) -> Int {
    let spin = run.spin
    // Otherwise the whole loop of an empty body is folded into one product.
    let body = opaque(spin == 0 ? { (x: E) in x.next } : { (x: E) in x.next(spin: spin) })
    var sum = 0
    for x in E.source(share) {
      var x = body(x)
      for _ in 1..<run.bodies { x = body(x) }
      sum &+= x.number
    }
    return sum
  }
}
