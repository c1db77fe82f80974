/// A sequence whose next element is at hand: asking for it neither waits nor runs anybody's code, so some may be asked
/// for at once. A stage that puts out another kind of sequence is asked for one element at a time.
@usableFromInline
protocol PromptSequence: Sequence {}

extension Array: PromptSequence {}
extension ArraySlice: PromptSequence {}
extension ContiguousArray: PromptSequence {}
extension CollectionOfOne: PromptSequence {}
extension EmptyCollection: PromptSequence {}
extension Repeated: PromptSequence {}
extension Range: PromptSequence where Bound == Int {}
extension ClosedRange: PromptSequence where Bound == Int {}
extension StrideTo: PromptSequence where Element == Int {}
extension StrideThrough: PromptSequence where Element == Int {}
