import Sluice
import Testing

@Suite(.watchdog()) struct BindTests {
  @Test func argumentsFollowTheItem() async throws {
    @Sendable func describe(_ item: Int, _ prefix: String, _ last: Bool) -> String {
      "\(prefix)\(item)\(last)"
    }
    let pipeline = Stage.branch { (n: Int) in 0..<n } | Stage(describe, bind: "x", true)
    #expect(try await pipeline(2).collect() == ["x0true", "x1true"])
  }

  @Test func argumentsFollowTheItemOfAnAsyncFunction() async throws {
    @Sendable func describe(_ item: Int, _ prefix: String, _ last: Bool) async -> String {
      await Task.yield()
      return "\(prefix)\(item)\(last)"
    }
    let pipeline = Stage.branch { (n: Int) in 0..<n } | Stage(describe, bind: "x", true)
    #expect(try await pipeline(2).collect() == ["x0true", "x1true"])
  }

  @Test func boundStageKeepsItsOptions() async throws {
    @Sendable func subtract(_ a: Int, _ b: Int) -> Int { a - b }
    let inside = Count()
    @Sendable func meet(_ a: Int, _ b: Int) -> Int {
      inside.meeting(of: 3).block()
      return a - b
    }
    let run =
      (Stage.branch { (n: Int) in 0..<n }
      | Stage(name: "minus", workers: 3, throttle: 2, meet, bind: 100)
      | Stage(name: "plus", subtract, bind: -100))(3)
    #expect(try await run.collect().sorted() == [0, 1, 2])
    #expect(run.report.stages.map(\.name) == ["branch", "minus", "plus"])
    #expect(run.report.stages.map(\.workers) == [1, 3, 1])
  }

  @Test func errorsOfBoundFunctionsComeThrough() async throws {
    struct TooSmall: Error, Equatable { let limit: Int }
    @Sendable func check(_ item: Int, _ limit: Int) throws -> Int {
      if item < limit { throw TooSmall(limit: limit) }
      return item
    }
    let pipeline = Stage.branch { (n: Int) in 0..<n } | Stage(check, bind: 4)
    await #expect(throws: TooSmall(limit: 4)) { try await pipeline(1).collect() }
  }

  @Test func capturedValuesAreBoundToo() async throws {
    let multiplier = 10
    let pipeline = Stage.branch { (n: Int) in 1..<n } | Stage { (x: Int) in x * multiplier }
    #expect(try await pipeline(4).collect() == [10, 20, 30])
  }
}
