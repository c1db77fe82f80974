/// A container with keys.
struct BinaryKeyedEncoding<Key: CodingKey>: KeyedEncodingContainerProtocol {
  let log: BinaryLog
  let number: UInt64
  let path: BinaryPath?

  var codingPath: [any CodingKey] { BinaryPath.keys(path) }

  private func place(_ key: Key) -> BinaryLog.Place { .init(container: number, key: key.stringValue) }

  private func misused(_ key: String) -> EncodingError {
    .invalidValue(
      key, .init(codingPath: codingPath, debugDescription: "two containers of different kinds at one key"))
  }

  func encodeNil(forKey key: Key) { log.write(nil: BinaryNil(level: 0, depth: 0), place(key)) }
  func encode(_ value: Bool, forKey key: Key) { log.write(bool: value, place(key)) }
  func encode(_ value: String, forKey key: Key) { log.write(string: value, place(key)) }
  func encode(_ value: Float, forKey key: Key) { log.write(float: value, place(key)) }
  func encode(_ value: Double, forKey key: Key) { log.write(double: value, place(key)) }
  func encode(_ value: Int, forKey key: Key) { log.write(integer: value, place(key)) }
  func encode(_ value: Int8, forKey key: Key) { log.write(integer: value, place(key)) }
  func encode(_ value: Int16, forKey key: Key) { log.write(integer: value, place(key)) }
  func encode(_ value: Int32, forKey key: Key) { log.write(integer: value, place(key)) }
  func encode(_ value: Int64, forKey key: Key) { log.write(integer: value, place(key)) }
  func encode(_ value: Int128, forKey key: Key) { log.write(integer: value, place(key)) }
  func encode(_ value: UInt, forKey key: Key) { log.write(integer: value, place(key)) }
  func encode(_ value: UInt8, forKey key: Key) { log.write(integer: value, place(key)) }
  func encode(_ value: UInt16, forKey key: Key) { log.write(integer: value, place(key)) }
  func encode(_ value: UInt32, forKey key: Key) { log.write(integer: value, place(key)) }
  func encode(_ value: UInt64, forKey key: Key) { log.write(integer: value, place(key)) }
  func encode(_ value: UInt128, forKey key: Key) { log.write(integer: value, place(key)) }

  func encode<Value: Encodable>(_ value: Value, forKey key: Key) throws {
    try log.encode(value, at: place(key)) { BinaryPath(key, in: path) }
  }

  func nestedContainer<Nested: CodingKey>(
    keyedBy type: Nested.Type, forKey key: Key
  ) -> KeyedEncodingContainer<Nested> {
    let number = log.nestedContainer(.keyed, in: number, key: key.stringValue) { misused(key.stringValue) }
    return KeyedEncodingContainer(
      BinaryKeyedEncoding<Nested>(log: log, number: number, path: BinaryPath(key, in: path)))
  }

  func nestedUnkeyedContainer(forKey key: Key) -> any UnkeyedEncodingContainer {
    let number = log.nestedContainer(.unkeyed, in: number, key: key.stringValue) { misused(key.stringValue) }
    return BinaryUnkeyedEncoding(log: log, number: number, path: BinaryPath(key, in: path))
  }

  func superEncoder() -> any Encoder { encoder(BinaryKey.super) }
  func superEncoder(forKey key: Key) -> any Encoder { encoder(key) }

  private func encoder(_ key: some CodingKey) -> BinaryEncoder {
    BinaryEncoder(
      log: log, place: .init(container: number, key: key.stringValue), path: BinaryPath(key, in: path))
  }
}

/// A container of a row.
final class BinaryUnkeyedEncoding: UnkeyedEncodingContainer {
  private let log: BinaryLog
  private let place: BinaryLog.Place
  private let path: BinaryPath?
  private(set) var count = 0

  init(log: BinaryLog, number: UInt64, path: BinaryPath?) {
    self.log = log
    place = BinaryLog.Place(container: number, key: nil)
    self.path = path
  }

  var codingPath: [any CodingKey] { BinaryPath.keys(path) }

  private func next() -> BinaryLog.Place {
    count += 1
    return place
  }

  private func nextPath() -> BinaryPath { BinaryPath(BinaryKey(intValue: count), in: path) }

  func encodeNil() { log.write(nil: BinaryNil(level: 0, depth: 0), next()) }
  func encode(_ value: Bool) { log.write(bool: value, next()) }
  func encode(_ value: String) { log.write(string: value, next()) }
  func encode(_ value: Float) { log.write(float: value, next()) }
  func encode(_ value: Double) { log.write(double: value, next()) }
  func encode(_ value: Int) { log.write(integer: value, next()) }
  func encode(_ value: Int8) { log.write(integer: value, next()) }
  func encode(_ value: Int16) { log.write(integer: value, next()) }
  func encode(_ value: Int32) { log.write(integer: value, next()) }
  func encode(_ value: Int64) { log.write(integer: value, next()) }
  func encode(_ value: Int128) { log.write(integer: value, next()) }
  func encode(_ value: UInt) { log.write(integer: value, next()) }
  func encode(_ value: UInt8) { log.write(integer: value, next()) }
  func encode(_ value: UInt16) { log.write(integer: value, next()) }
  func encode(_ value: UInt32) { log.write(integer: value, next()) }
  func encode(_ value: UInt64) { log.write(integer: value, next()) }
  func encode(_ value: UInt128) { log.write(integer: value, next()) }

  func encode<Value: Encodable>(_ value: Value) throws {
    let path = path
    let number = count
    try log.encode(value, at: next()) { BinaryPath(BinaryKey(intValue: number), in: path) }
  }

  func nestedContainer<Nested: CodingKey>(keyedBy type: Nested.Type) -> KeyedEncodingContainer<Nested> {
    let path = nextPath()
    return KeyedEncodingContainer(
      BinaryKeyedEncoding<Nested>(log: log, number: log.container(.keyed, next()), path: path))
  }

  func nestedUnkeyedContainer() -> any UnkeyedEncodingContainer {
    let path = nextPath()
    return BinaryUnkeyedEncoding(log: log, number: log.container(.unkeyed, next()), path: path)
  }

  /// It is filled later than what follows it, maybe: something must stand in the row for it now.
  func superEncoder() -> any Encoder {
    let path = nextPath()
    let number = log.container(.forwarding, next())
    return BinaryEncoder(log: log, place: BinaryLog.Place(container: number, key: nil), path: path)
  }
}
