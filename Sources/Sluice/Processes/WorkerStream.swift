import CSluice

/// The stream of a joining body in a worker process: an `Inputs` whose items come from the parent.
///
/// It is an intake like any other, before a stage that this worker has leased for good: its pull takes the next
/// item from the exchange.
@usableFromInline
final class WorkerStream<Element: Sendable> {
  private let assembly: Assembly
  private let box: Failure
  @usableFromInline let inputs: Inputs<Element>

  private final class Failure: @unchecked Sendable { var error: (any Error)? }

  /// Why the stream ended early: an item could not be read.
  @usableFromInline var failure: (any Error)? { box.error }

  /// `next` puts the next item into the place; false: there is none.
  @usableFromInline
  init(_ next: @escaping (UnsafeMutablePointer<Element>) throws -> Bool) {
    let box = Failure()
    let assembly = Assembly([
      StageDescription(name: nil, form: "join", execution: .stackful, isJoin: true, workers: 1, throttle: 0)
    ])
    let run = assembly.run
    let worker = Worker(run: run, stage: 0, index: 0, ordinal: 0)
    let list = WorkerList(count: 1)
    list.workers = [worker]
    run.lists.append(list)
    let token = run.arena.allocate(sl_token.self)
    sl_token_init(token, UInt32(SL_TOKEN_PARKED))
    _ = sl_token_try_lease(token, worker.lease.pointee.id)
    let nobody = WorkerList(count: 1)
    run.lists.append(nobody)
    let channel = Channel<Element>(
      kind: .single, throttle: 1, producers: nobody, consumers: list, arena: run.arena)
    sl_store_relaxed_u32(channel.core.closed, 1)
    run.channels.append(channel.core)
    let pull: Pull<Element> = { lease, place in
      do {
        if box.error == nil, try next(place) { return true }
      } catch {
        box.error = error
      }
      lease.pointee.outcome = Outcome.ended.rawValue
      return false
    }
    self.box = box
    self.assembly = assembly
    inputs = Inputs(
      Intake(Port(channel: channel, production: Production(pull), token: token, held: nil), worker))
  }
}
