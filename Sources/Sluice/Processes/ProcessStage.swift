/// The body of a stage that runs in worker processes: one value in, one value out.
///
///     struct Resize: ProcessStage {
///       var width: Int
///       func callAsFunction(_ image: Image) throws -> Image { … }
///     }
///     let pipeline = source | Stage(processes: 4, Resize(width: 640))
///
/// The stage itself crosses to its workers once, as what it encodes; each item crosses as a value of `Input`,
/// and comes back as one of `Output`. A worker runs one item at a time, on its main thread, before the
/// program's `main`: nothing that `main` sets up is there. What a body changes outside its own values stays in
/// its process.
public protocol ProcessStage: Codable, Sendable {
  associatedtype Input: Codable & Sendable
  associatedtype Output: Codable & Sendable

  /// Makes the output of one input. What it throws becomes of the item what `onFailure` says.
  func callAsFunction(_ input: Input) throws -> Output

  /// Runs the items of one worker. There is an implementation for every stage; do not write another.
  func _serve(_ worker: _WorkerLoop)
}

extension ProcessStage {
  // In the witness of a stage's own module, so that the loop is compiled for its types.
  @inlinable
  public func _serve(_ worker: _WorkerLoop) {
    worker.map { (input: Input) throws -> Output in try self(input) }
  }
}

/// The body of a stage that runs in worker processes: one value in, any number out through `yield`.
public protocol ProcessBranch: Codable, Sendable {
  associatedtype Input: Codable & Sendable
  associatedtype Output: Codable & Sendable

  /// Makes the outputs of one input. `yield` throws `CancellationError` once the run has ended.
  func callAsFunction(_ input: Input, yield: Outputs<Output>) throws

  /// Runs the items of one worker. There is an implementation for every stage; do not write another.
  func _serve(_ worker: _WorkerLoop)
}

extension ProcessBranch {
  @inlinable
  public func _serve(_ worker: _WorkerLoop) {
    worker.branch { (input: Input, yield: Outputs<Output>) throws in try self(input, yield: yield) }
  }
}

/// The body of a stage that runs in worker processes: a stream in, any number out through `yield`.
public protocol ProcessJoin: Codable, Sendable {
  associatedtype Input: Codable & Sendable
  associatedtype Output: Codable & Sendable

  /// Takes a stream of inputs; called once by each worker.
  func callAsFunction(_ inputs: Inputs<Input>, yield: Outputs<Output>) throws

  /// Runs the stream of one worker. There is an implementation for every stage; do not write another.
  func _serve(_ worker: _WorkerLoop)
}

extension ProcessJoin {
  @inlinable
  public func _serve(_ worker: _WorkerLoop) {
    worker.join { (inputs: Inputs<Input>, yield: Outputs<Output>) throws in try self(inputs, yield: yield) }
  }
}
