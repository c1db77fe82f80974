// A program whose stage runs in worker processes, for tests that end it or its workers:
//
//     process-parent ITEMS WORKERS CRASH-POINT
//
// Prints each output on a line, then "end". With a crash point other than 0 it is killed at that point of the
// protocol, counted in the parent; with 0 it prints "points N" at its end.
import CSluice
import Glibc
import Sluice

struct Halved: ProcessStage {
  func callAsFunction(_ x: Int) -> Int { x / 2 }
}

let numbers = CommandLine.arguments.dropFirst().compactMap { Int($0) }
guard numbers.count == 3 else { fatalError("usage: process-parent ITEMS WORKERS CRASH-POINT") }
let pipeline =
  Stage.branch(throttle: 4) { (n: Int) in 0..<n } | Stage(processes: numbers[1], throttle: 4, Halved())
sl_crash_at(UInt64(numbers[2]))
try pipeline.run(numbers[0]) { outputs in
  for output in outputs {
    print(output)
    fflush(nil)
  }
}
print("points \(sl_crash_points_passed())")
print("end")
