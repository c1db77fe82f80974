/// What one stage of a run did, as a row of the printed table.
public struct StageRow: Sendable {
  public var name: String
  public var workers: Int
  public var itemsIn: Int
  public var itemsOut: Int
  /// The part of its workers' time that the stage spent inside its body, from 0 to 1.
  public var busyShare: Double
  /// The most items that stood at once in the queue behind the stage.
  public var peakQueueLength: Int
  /// The items that went in or came out, whichever are more, divided by the time of the run.
  public var itemsPerSecond: Double

  /// - Parameters:
  ///   - busySeconds: the time inside the body, summed over the workers.
  ///   - elapsedSeconds: the time that the run took.
  public init(
    name: String, workers: Int, itemsIn: Int, itemsOut: Int, busySeconds: Double, peakQueueLength: Int,
    elapsedSeconds: Double
  ) {
    self.name = name
    self.workers = workers
    self.itemsIn = itemsIn
    self.itemsOut = itemsOut
    self.peakQueueLength = peakQueueLength
    let workerSeconds = elapsedSeconds * Double(workers)
    busyShare = workerSeconds > 0 ? busySeconds / workerSeconds : 0
    itemsPerSecond = elapsedSeconds > 0 ? Double(max(itemsIn, itemsOut)) / elapsedSeconds : 0
  }
}

/// Tables of text for a terminal or a file.
public enum TextTable {
  /// The words with their counts, one a line, the counts right-aligned as `uniq -c` aligns them.
  public static func words(_ words: [WordSummary.Word]) -> String {
    let width = max(7, words.map { String($0.count).count }.max() ?? 0)
    return words.map { padded(String($0.count), to: width) + " " + $0.text + "\n" }.joined()
  }

  /// One line for each stage below a line of headings; names on the left, numbers right-aligned.
  public static func stages(_ rows: [StageRow]) -> String {
    let headings = ["stage", "workers", "in", "out", "busy", "peak queue", "items/s"]
    let lines =
      [headings]
      + rows.map { row in
        [
          row.name, String(row.workers), String(row.itemsIn), String(row.itemsOut),
          oneDecimal(row.busyShare * 100) + "%", String(row.peakQueueLength),
          String(Int(row.itemsPerSecond.rounded())),
        ]
      }
    let widths = headings.indices.map { column in lines.map { $0[column].count }.max() ?? 0 }
    return lines.map { line in
      let name = line[0] + String(repeating: " ", count: widths[0] - line[0].count)
      let numbers = line.indices.dropFirst().map { padded(line[$0], to: widths[$0]) }
      return ([name] + numbers).joined(separator: "  ") + "\n"
    }.joined()
  }

  private static func padded(_ text: String, to width: Int) -> String {
    String(repeating: " ", count: max(0, width - text.count)) + text
  }

  /// The number with one digit after the point; 0 where it is no number.
  public static func oneDecimal(_ number: Double) -> String {
    let tenths = number.isFinite ? Int((number * 10).rounded()) : 0
    return "\(tenths / 10).\(abs(tenths % 10))"
  }
}
