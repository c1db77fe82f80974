/// One row of the benchmark of pipelines.
struct PipelineRow: ContestRow {
  /// What is measured; the programs' word for it.
  enum Measure: String, Codable, CaseIterable {
    /// Items through a pipeline, as fast as they go.
    case stream
    /// Items at a fixed pace, one in a thousand of which sleeps: how late the others are.
    case tail
    /// A whole pipeline for one item.
    case call
    /// A pipeline whose source waits.
    case rest
    /// The words of a folder's files.
    case words
  }

  /// What goes through.
  enum Element: String, Codable, CaseIterable {
    case int
    case string
    case `class`
  }

  let name: String
  let about: String
  var measure = Measure.stream
  var workers = 1
  var throttle = usualThrottle
  var stages = 3
  /// How long each body computes.
  var spinNanoseconds = 0
  var element = Element.int
  /// Those of ours that take part; the others are compared with the first.
  var ours = ["Sluice"]
  /// Whether no others take part.
  var isAlone = false
  var lengths: [Int] = []
  var figure = Figure.items
  var goals: [PipelineGoal] = []
  var isMain = false

  /// What a file of results says of it.
  enum CodingKeys: CodingKey {
    case name, measure, workers, throttle, stages, spinNanoseconds, element
  }
}

extension PipelineRow {
  var mainVariant: String? { lengths.isEmpty ? ours.first : nil }

  func takes(_ variant: PipelineVariant, _ role: Role) -> Bool {
    let canBeAsked =
      variant.measures.contains(measure.rawValue) && variant.elements.contains(element.rawValue)
      && variant.stages.contains(stages) && (variant.mostWorkers == 0 || workers <= variant.mostWorkers)
      && (throttle == 0 ? variant.unbounded : variant.bounded != false)
      && (spinNanoseconds == 0 || variant.spins)
    return canBeAsked && (role == .ours ? ours.contains(variant.name) : !isAlone)
  }

  func arguments(_ variant: PipelineVariant, items: Int) -> [String] {
    [
      "--variant", variant.name, "--measure", measure.rawValue, "--items", "\(items)",
      "--workers", "\(workers)", "--throttle", "\(throttle)", "--stages", "\(stages)",
      "--spin", "\(Spin.steps(nanoseconds: spinNanoseconds))", "--element", element.rawValue,
    ]
  }

  func items(in seconds: Double) -> Int? {
    switch measure {
    case .tail: Int(seconds * 1e9) / Pace.nanoseconds
    case .rest, .words: 1
    case .stream, .call: nil
    }
  }

  func fewestItems(_ role: Role) -> Int { measure == .call ? 5 : 1_000 }

  var mostItems: Int {
    if measure == .call { return 2_000 }
    // A queue without a bound may come to hold every item.
    return throttle == 0 ? 10_000_000 : 100_000_000
  }

  func times(of items: Int) -> Int { measure == .tail ? items - Pace.slowItems(of: items) : items }
}

/// The throttle of every stage where a row's name tells no other.
let usualThrottle = 1_024
