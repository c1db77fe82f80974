import Foundation

@testable import Sluice

/// Runs blocking code on a thread of its own, never on one of Swift's cooperative threads.
func onThread<Result: Sendable>(
  _ body: @escaping @Sendable () throws -> Result
) async throws -> Result {
  try await withCheckedThrowingContinuation { continuation in
    Thread.detachNewThread { continuation.resume(with: Swift.Result(catching: body)) }
  }
}

/// Who takes the outputs: a loop on a thread, or `for try await`.
enum Consumer: String, CaseIterable, Sendable {
  case blocking
  case async
}

extension Pipeline {
  /// Runs the pipeline and calls `each` for every output, then does the wait that it returns.
  func forEach(
    _ input: Input, by consumer: Consumer, _ each: @escaping @Sendable (Output) throws -> Wait?
  ) async throws {
    switch consumer {
    case .blocking:
      try await onThread {
        try run(input) { outputs in
          for output in outputs { try each(output)?.block() }
        }
      }
    case .async:
      let run = self(input)
      watch { [weak run] in engineState(of: run?.core) }
      for try await output in run { try await each(output)?.suspend() }
    }
  }

  /// All outputs.
  func outputs(_ input: Input, by consumer: Consumer = .async) async throws -> [Output] {
    switch consumer {
    case .blocking: try await onThread { try run(input, consume: Array.init) }
    case .async: try await self(input).collect()
    }
  }
}

extension Run {
  /// All outputs that are left.
  func collect() async throws -> [Output] {
    var outputs: [Output] = []
    for try await output in self { outputs.append(output) }
    return outputs
  }

  /// The outputs, as `print` writes them.
  func printed() async throws -> [String] { try await collect().map { "\($0)" } }
}
