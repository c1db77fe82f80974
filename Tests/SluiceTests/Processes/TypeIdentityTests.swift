import Foundation
import Testing

@testable import Sluice

public struct PublicType {}
struct InternalType { struct Nested {} }
private struct PrivateType: Hashable { enum Inner { case a } }
private final class PrivateClass {}
private enum PrivateEnum {
  case a(Int)
  case b
}
private struct PrivateWithResilientFields { var url: URL, date: Date, next: [PrivateWithResilientFields] }
private struct PrivateWrapper<A> { struct Inner {} }
private struct PrivatePair<A: Hashable, B> where B: Collection, B.Element: Hashable { var a: A, b: B }
private enum PrivateChoice<A> { case a(A) }
private class PrivateGenericClass<A> {}
struct InternalWrapper<A> { struct Inner {} }
struct InternalValues<let count: Int> {}
struct InternalMany<each A> {}
private protocol PrivateProtocol {}

extension PrivateType { fileprivate struct InExtension {} }
extension Int { fileprivate struct InExtensionOfInt {} }

/// Types are named so that they are found again, or refused by name.
@Suite(.watchdog()) struct ProcessesTypeIdentityTests {
  private func expectFound(_ types: [Any.Type], sourceLocation: SourceLocation = #_sourceLocation) {
    for type in types {
      guard let identity = try? TypeIdentity(type) else {
        Issue.record("no identity for \(type)", sourceLocation: sourceLocation)
        continue
      }
      #expect(TypeIdentity(untrusted: identity.bytes).find() == type, sourceLocation: sourceLocation)
      // Names of private types hold addresses behind a dollar sign, which mean nothing elsewhere.
      let text = String(decoding: identity.bytes, as: UTF8.self)
      #expect(!text.contains("XZ"), sourceLocation: sourceLocation)
    }
  }

  @Test func namedTypes() {
    expectFound([
      Int.self, String.self, [Int].self, [String: Double?].self, (Int, String).self, URL.self, Date.self,
      PublicType.self, InternalType.self, InternalType.Nested.self, RemoteError.self, CorruptValue.self,
      InternalWrapper<Int>.self, InternalWrapper<Int>.Inner.self, InternalWrapper<InternalWrapper<URL>>.self,
      NSObject.self, Result<Int, RemoteError>.self, (any Error).self,
    ])
  }

  @Test func privateTypes() {
    expectFound([
      PrivateType.self, PrivateType.Inner.self, PrivateClass.self, PrivateEnum.self,
      PrivateWithResilientFields.self,
      PrivateType.InExtension.self, Int.InExtensionOfInt.self,
    ])
  }

  @Test func localTypes() throws {
    struct Local { struct Nested {} }
    enum LocalEnum { case a }
    final class LocalClass {}
    expectFound([Local.self, Local.Nested.self, LocalEnum.self, LocalClass.self])
    func inner() -> Any.Type {
      struct Local { var other = 1 }
      return Local.self
    }
    expectFound([inner()])
    #expect(try TypeIdentity(inner()) != TypeIdentity(Local.self))
    let closure: () -> Any.Type = {
      struct Local { var third = 1 }
      return Local.self
    }
    expectFound([closure()])
  }

  @Test func genericTypes() {
    struct Local: Hashable {}
    struct LocalWrapper<A> {}
    expectFound([
      InternalWrapper<PrivateType>.self, PrivateWrapper<Int>.self, PrivateWrapper<PrivateType>.self,
      PrivateWrapper<InternalWrapper<Local>>.self, PrivateChoice<PrivateClass>.self,
      PrivatePair<Int, [String]>.self, PrivatePair<Local, Set<PrivateType>>.self, LocalWrapper<Int>.self,
      LocalWrapper<LocalWrapper<Local>>.self, [PrivateType].self, [PrivateType: Local?].self, Local?.self,
    ])
  }

  /// What cannot be named is an error that names it.
  @Test func typesWithoutIdentity() {
    struct Local {}
    for type in [
      PrivateWrapper<Int>.Inner.self, PrivateGenericClass<Int>.self, InternalWrapper<Local>.Inner.self,
      (Local, Int).self, (() -> Local).self, (any PrivateProtocol).self, InternalMany<Local>.self,
      Local.Type.self,
    ] as [Any.Type] {
      do {
        _ = try TypeIdentity(type)
        Issue.record("\(type) was named")
      } catch {
        #expect("\(error)".contains("\(type)"))
      }
    }
  }

  // MARK: Bytes from elsewhere

  /// Offsets that lead to no type are refused, whatever stands there.
  @Test func offsetsThatAreNoTypes() throws {
    let identity = try TypeIdentity(PrivateType.self)
    for change in [1, 2, 4, -4, 8, 64, 4096, -4096, Int.max, Int.min] {
      var bytes = identity.bytes
      #expect(bytes.count == 17)
      var offset = bytes[9...].reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
      offset &+= UInt64(bitPattern: Int64(change))
      for i in 0..<8 { bytes[9 + i] = UInt8(truncatingIfNeeded: offset >> (8 * i)) }
      let found = TypeIdentity(untrusted: bytes).find()
      #expect(found != PrivateType.self)
      // Some other type may stand there; then it is complete.
      if let found { #expect(!"\(found)".isEmpty) }
    }
    var otherBuild = identity.bytes
    otherBuild[1] ^= 1
    #expect(TypeIdentity(untrusted: otherBuild).find() == nil)
    // A generic type is none without its arguments.
    var bare = try TypeIdentity(PrivateWrapper<Int>.self).bytes
    bare = [2] + bare[1..<17]
    #expect(TypeIdentity(untrusted: bare).find() == nil)
  }

  /// Arguments that do not meet what the type asks for.
  @Test func argumentsThatDoNotFit() throws {
    let pair = try TypeIdentity(PrivatePair<Int, [String]>.self).bytes
    let notHashable = try TypeIdentity(PrivateClass.self).bytes
    let array = try TypeIdentity([String].self).bytes
    #expect(TypeIdentity(untrusted: pair).find() == PrivatePair<Int, [String]>.self)
    #expect(TypeIdentity(untrusted: Array(pair[..<25]) + notHashable + array).find() == nil)
    #expect(TypeIdentity(untrusted: Array(pair[..<25]) + array + notHashable).find() == nil)
  }

  @Test func bytesThatAreNoIdentity() throws {
    #expect(TypeIdentity(untrusted: []).find() == nil)
    for name in [
      "Si\0", "$", "\u{1}abcd", "\u{2}abcd", "Sih", "x", "", "4main", String(repeating: "Sa", count: 3000),
    ] {
      var bytes: [UInt8] = [1]
      withUnsafeBytes(of: UInt64(name.utf8.count)) { bytes += $0 }
      #expect(TypeIdentity(untrusted: bytes + name.utf8).find() == nil, "\(name)")
    }
    // Arguments in arguments, and so on.
    var nested = try TypeIdentity(PrivateWrapper<Int>.self).bytes
    let head = Array(nested[..<25])
    for _ in 0..<1000 { nested = head + nested }
    #expect(TypeIdentity(untrusted: nested).find() == nil)
  }
}
