import Foundation
import Sluice
import Testing

#if DEBUG
  /// A worker, or its parent, killed at every crash point of the protocol between them.
  @Suite(.serialized, .watchdog(seconds: 240)) struct CrashPointTests {
    private static let items = 12

    /// One case for each form, whose outputs are known.
    enum Case: String, CaseIterable, Sendable {
      case numbers, texts, branch

      func pipeline(_ policy: FailurePolicy) -> Pipeline<Int, String> {
        let source = Stage.branch(throttle: 3) { (n: Int) in 0..<n }
        let text = Stage { (x: Int) in "\(x)" }
        switch self {
        case .numbers: return source | Stage(processes: 2, throttle: 3, onFailure: policy, Doubled()) | text
        case .texts:
          return source | text | Stage(processes: 2, throttle: 3, onFailure: policy, Echo<String>())
        case .branch:
          return source | Stage.branch(processes: 2, throttle: 3, onFailure: policy, Named(times: 2))
        }
      }

      /// What comes of an item.
      func outputs(of x: Int) -> [String] {
        switch self {
        case .numbers: ["\(x * 2)"]
        case .texts: ["\(x)"]
        case .branch: ["\(x).0", "\(x).1"]
        }
      }
    }

    private func withCrash<Result>(at point: Int, _ body: (String) async throws -> Result) async rethrows
      -> Result
    {
      let path = unusedPath()
      setenv("SLUICE_CRASH", "\(point):\(path)", 1)
      defer {
        unsetenv("SLUICE_CRASH")
        unlink(path)
      }
      return try await body(path)
    }

    /// How many points a worker passes in such a run.
    private func points(_ one: Case) async throws -> Int {
      var most = 0
      for _ in 0..<3 {
        try await withCrash(at: 0) { path in
          _ = try await one.pipeline(.fail)(Self.items).collect()
          most = max(most, try #require(Int(textOfFile(path))))
        }
      }
      return most
    }

    @Test(arguments: Case.allCases) func aWorkerIsKilledAtEachPoint(one: Case) async throws {
      let points = try await points(one)
      #expect(points > 3 * Self.items / 2, "there are points in the worker")
      // The runtime's own timers come with the first sleep.
      try await Task.sleep(for: .milliseconds(1))
      let before = ProcessState.now
      var deaths = 0
      for point in 1...points {
        note("point \(point) of \(points)")
        try await withCrash(at: point) { _ in
          let run = one.pipeline(.skip)(Self.items)
          var outputs = Set<String>()
          for try await output in run {
            #expect(outputs.insert(output).inserted, "\(output) came twice; point \(point)")
          }
          let report = run.report
          let stage = report.stages.first { $0.itemsIn > 0 && $0.workers == 2 }
          let failures = stage?.failures ?? []
          deaths += failures.count
          #expect(failures.count <= 1 && stage?.skipped == failures.count)
          let lost = Set(failures.map { "\($0.item)" })
          for x in 0..<Self.items {
            let expected = one.outputs(of: x)
            if lost.contains("\(x)") {
              // What a branch gave before is delivered; all of it, if its worker died between the last output and the end.
              let isInTwo = one != .branch && outputs.isSuperset(of: expected)
              #expect(!isInTwo, "item \(x) came and was reported; point \(point)")
            } else {
              #expect(outputs.isSuperset(of: expected), "item \(x) was lost; point \(point)")
            }
            outputs.subtract(expected)
          }
          #expect(outputs.isEmpty)
        }
      }
      // How many depends on who gets which item; each passes some points.
      #expect(deaths >= Self.items / 3, "\(deaths) of \(points) points were in the middle of an item")
      #expect(try await eventually { children().isEmpty })
      #expect(try await eventually { ProcessState.now.descriptors <= before.descriptors })
      #expect(try await eventually { mappedSegments() == 0 })
      #expect(try await eventually { ProcessState.now.threads <= before.threads + 2 })
    }

    @Test(arguments: Case.allCases) func aRetryLosesNothing(one: Case) async throws {
      let points = try await points(one)
      for point in stride(from: 1, through: points, by: 3) {
        note("point \(point) of \(points)")
        try await withCrash(at: point) { _ in
          let outputs = try await one.pipeline(.retry(1))(Self.items).collect()
          let expected = (0..<Self.items).flatMap { one.outputs(of: $0) }
          if one == .branch {
            #expect(Set(outputs) == Set(expected), "point \(point)")
          } else {
            #expect(outputs.sorted() == expected.sorted(), "point \(point)")
          }
        }
      }
      #expect(try await eventually { children().isEmpty })
    }

    /// The parent is killed at each of its points: nothing of it is left, and what it printed is right.
    @Test func theParentIsKilledAtEachPoint() async throws {
      let whole = try await Parent.run(items: 8, workers: 2, crashAt: 0)
      let points = try #require(
        whole.lines.first { $0.hasPrefix("points ") }.flatMap { Int($0.dropFirst(7)) })
      let expected = (0..<8).map { "\($0 / 2)" }
      #expect(
        whole.lines.filter { Int($0) != nil }.sorted() == expected.sorted() && whole.lines.last == "end")
      let memory = try FileManager.default.contentsOfDirectory(atPath: "/dev/shm").sorted()
      for point in 1...points {
        note("point \(point) of \(points)")
        let ended = try await Parent.run(items: 8, workers: 2, crashAt: point)
        // Another run may have fewer points.
        if ended.lines.last == "end" { continue }
        #expect(ended.signal == SIGKILL)
        #expect(ended.lines.allSatisfy { expected.contains($0) }, "\(ended.lines); point \(point)")
        #expect(
          try await eventually { Parent.livingProcesses(ofGroup: ended.group).isEmpty }, "point \(point)")
      }
      #expect(try FileManager.default.contentsOfDirectory(atPath: "/dev/shm").sorted() == memory)
    }
  }
#endif
