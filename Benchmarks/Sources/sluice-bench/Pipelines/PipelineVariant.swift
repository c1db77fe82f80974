/// One kind of pipeline, as its program's `--list` describes it.
struct PipelineVariant: PeerVariant {
  let name: String
  let measures: [String]
  var elements = PipelineRow.Element.allCases.map(\.rawValue)
  /// At most; 0: any number.
  var mostWorkers = 0
  /// Whether it runs without a bound on its queues.
  var unbounded = true
  /// Whether it runs with one; nil: yes.
  var bounded: Bool?
  /// Whether its body can spin at native speed.
  var spins = true
  /// The numbers of stages that it can run.
  var stages = [3, 8]
  var role: Role?
}
