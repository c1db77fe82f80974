import Foundation

@testable import Sluice

/// Values of every shape, each a function of its seed.
indirect enum Anything: Codable, Hashable, Sendable {
  case nothing
  case number(Int)
  case unsigned(UInt64)
  case wide(Int128)
  case real(Double)
  case text(String)
  case flag(Bool)
  case data(Data)
  case bytes([UInt8])
  case shorts([Int16])
  case floats([Float])
  case maybe(Int??, String?)
  case one(Anything)
  case row([Anything])
  case table([String: Anything])
  case numbered([Int: Anything])
  case group(Set<String>, Set<Int>)
  case record(Record)

  struct Record: Codable, Hashable, Sendable {
    var name: String, values: [Anything], next: [Record], small: Int8, maybe: Anything?, date: Date, url: URL?
  }
}

extension RandomNumberGenerator {
  mutating func string() -> String {
    let pieces = [
      "", "a", "\0", "$null", "é", "e\u{301}", "🧵", "\u{FFFD}", "\\\"", "\n", "long enough for the heap",
      "\u{10FFFF}",
    ]
    return (0..<Int.random(in: 0...3, using: &self)).map { _ in pieces.randomElement(using: &self)! }.joined()
  }

  mutating func int() -> Int {
    [0, 1, -1, .min, .max, Int.random(in: -300...300, using: &self), Int(truncatingIfNeeded: next())]
      .randomElement(using: &self)!
  }

  mutating func double() -> Double {
    [0, .infinity, -.infinity, 0.1, Double(int()), .leastNonzeroMagnitude].randomElement(using: &self)!
  }

  mutating func row<Element>(_ most: Int, _ element: (inout Self) -> Element) -> [Element] {
    (0..<Int.random(in: 0...most, using: &self)).map { _ in element(&self) }
  }

  mutating func anything(depth: Int = 4) -> Anything {
    switch Int.random(in: 0..<(depth > 0 ? 18 : 12), using: &self) {
    case 0: return .nothing
    case 1: return .number(int())
    case 2: return .unsigned(next())
    case 3: return .wide(Int128(int()) << 60)
    case 4: return .real(double())
    case 5: return .text(string())
    case 6: return .flag(Bool.random(using: &self))
    case 7: return .data(Data(row(20) { UInt8.random(in: 0...255, using: &$0) }))
    case 8: return .bytes(row(20) { UInt8.random(in: 0...255, using: &$0) })
    case 9: return .shorts(row(20) { Int16.random(in: .min ... .max, using: &$0) })
    case 10: return .floats(row(20) { Float($0.double()) })
    case 11:
      return .maybe(
        [nil, .some(nil), int()].randomElement(using: &self)!, Bool.random(using: &self) ? nil : string())
    case 12: return .one(anything(depth: depth - 1))
    case 13: return .row(row(4) { $0.anything(depth: depth - 1) })
    case 14: return .table(Dictionary(row(12) { ($0.string(), $0.anything(depth: depth - 2)) }) { $1 })
    case 15: return .numbered(Dictionary(row(4) { ($0.int(), $0.anything(depth: depth - 1)) }) { $1 })
    case 16: return .group(Set(row(4) { $0.string() }), Set(row(4) { $0.int() }))
    default: return .record(record(depth: depth - 1))
    }
  }

  mutating func record(depth: Int) -> Anything.Record {
    Anything.Record(
      name: string(), values: row(2) { $0.anything(depth: depth - 1) },
      next: depth > 0 ? row(2) { $0.record(depth: depth - 1) } : [],
      small: Int8.random(in: .min ... .max, using: &self),
      maybe: Bool.random(using: &self) ? nil : anything(depth: depth - 1),
      date: Date(timeIntervalSinceReferenceDate: double()),
      url: [nil, URL(string: "https://example.org/\(int())")].randomElement(using: &self)!)
  }
}
