import CSluice

/// Puts a run together: makes the stages, workers and queues of a pipeline from what its stages
/// were declared as.
@usableFromInline
final class Assembly {
  @usableFromInline let run: RunCore
  let descriptions: [StageDescription]
  /// Workers so far: their number tells leases apart.
  private var ordinals = 1

  init(_ descriptions: [StageDescription]) {
    self.descriptions = descriptions
    run = RunCore(stageCount: descriptions.count)
    let consumer = Worker(run: run, stage: descriptions.count, index: 0, ordinal: 0)
    sl_token_init(consumer.token, UInt32(SL_TOKEN_RUNNING))
    run.consumers.workers = [consumer]
  }

  /// The queue that holds the argument of the first stage.
  func argument<Element>(_ value: Element) -> Port<Element> {
    let nobody = WorkerList(count: 1)
    run.lists.append(nobody)
    let channel = Channel<Element>(
      kind: .single, throttle: 1, producers: nobody, consumers: nobody, arena: run.arena)
    _ = channel.enqueue(value)
    sl_store_relaxed_u32(channel.core.closed, 1)
    run.channels.append(channel.core)
    return Port(channel: channel, production: nil, token: nil, held: nil)
  }

  /// The next stage, with its workers and its output queue. `makeBody` is called for each worker.
  @usableFromInline
  func stage<Input, Output>(_ input: Port<Input>, _: Output.Type) -> StageParts<Input, Output> {
    let index = run.stages.count
    let description = descriptions[index]
    let workers = WorkerList(count: description.workers)
    let stage = StageCore(description, index: index, workers: workers, arena: run.arena)
    for number in 0..<description.workers {
      var event: Int32 = -1
      // If there is none, the worker says so when it starts.
      if description.processes > 0 { _ = sl_event_create(&event) }
      let worker = Worker(run: run, stage: index, index: number, ordinal: ordinals, event: event)
      ordinals += 1
      // A task has no thread to be given: it runs from its start to its end.
      if description.execution == .task { sl_token_init(worker.token, UInt32(SL_TOKEN_RUNNING)) }
      workers.workers.append(worker)
    }
    let isLast = index + 1 == descriptions.count
    let consumerCount = isLast ? 1 : descriptions[index + 1].workers
    let consumers = isLast ? run.consumers : WorkerList(count: consumerCount)
    let budget = ProcessBudget(
      throttle: description.throttle, producingProcesses: description.processes,
      consumingProcesses: isLast ? 0 : descriptions[index + 1].processes)
    var throttle = budget.capacity
    let hasRing = throttle > 0 && throttle <= ChannelCore.largestRing
    let kind: ChannelCore.Kind
    if description.ordered, description.workers > 1 {
      kind = .ordered
      if !hasRing { throttle = OrderedRing.mostElements }
    } else if hasRing {
      let mayHaveLanes =
        consumerCount == 1 && description.execution == .resumable && description.processes == 0
        && (isLast || descriptions[index + 1].processes == 0)
        && ChannelCore.suitsLanes(
          throttle: throttle, producers: description.workers, elementSize: MemoryLayout<Output>.stride)
      // An ordered stage needs the number of each element that it takes.
      let mayBeCopied =
        !isLast && !descriptions[index + 1].ordered && ChannelCore.suitsCopies(of: Output.self)
      if description.workers == 1 {
        kind = consumerCount == 1 ? .spsc : mayBeCopied ? .spmc : .mpmc
      } else {
        kind = mayHaveLanes ? .lanes : .mpmc
      }
    } else {
      kind = .unbounded
    }
    let output = Channel<Output>(
      kind: kind, throttle: throttle, producers: workers, consumers: consumers, arena: run.arena)
    input.channel.core.consumers = workers
    for worker in workers.workers {
      worker.setInput(input.channel.core)
      worker.setOutput(output.core)
    }
    stage.output = output.core
    (run.facts + index).initialize(to: stage.facts(output: output.core, arena: run.arena))
    run.stages.append(stage)
    run.channels.append(output.core)
    run.lists.append(consumers)
    if isLast { run.consumer.setInput(output.core) }
    let before = index == 0 ? 1 : descriptions[index - 1].throttle
    let inputBudget = ProcessBudget(
      throttle: before, producingProcesses: index == 0 ? 0 : descriptions[index - 1].processes,
      consumingProcesses: description.processes)
    return StageParts(
      stage: stage, workers: workers.workers, input: input, output: output,
      inputShare: inputBudget.consumerShare, outputShare: budget.producerShare)
  }
}

/// A stage in the making, with its types.
@usableFromInline
struct StageParts<Input: Sendable, Output: Sendable>: @unchecked Sendable {
  let stage: StageCore
  @usableFromInline let workers: [Worker]
  @usableFromInline let input: Port<Input>
  @usableFromInline let output: Channel<Output>
  /// For worker processes; see `ProcessBudget`.
  let inputShare: Int
  let outputShare: Int

  /// The end that the next stage takes from.
  @usableFromInline
  func port(_ production: Production<Output>? = nil, held: Slot<Output>? = nil) -> Port<Output> {
    Port(
      channel: output, production: stage.isLeasable ? production : nil,
      token: stage.isLeasable ? workers[0].token : nil, held: held)
  }
}
