// Go's channels, measured as ../bench_pipeline.hpp measures all others: what is said there holds here.
//
// One goroutine is the source, each worker of a stage is one, and main is the consumer. The runtime's settings are
// its defaults.
package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"
)

const (
	name        = "Go channels"
	mostSeconds = 120
	betweenDue  = 20 * time.Microsecond
	slowItem    = time.Millisecond
	sleepMargin = 60 * time.Microsecond
)

type settings struct {
	measure, element          string
	items, spin               uint64
	workers, throttle, stages int
}

// Three stages are the source, one body and the sum; of eight all but the source are bodies.
func (s settings) bodyCount() int {
	if s.stages == 3 {
		return 1
	}
	return s.stages - 1
}

type outcome struct {
	duration time.Duration
	ok       bool
	times    []time.Duration
}

// ---- The pipeline ----

func run[Item any](s settings, count uint64, source func(uint64) Item, body func(Item) Item, sink func(Item)) {
	items := make(chan Item, s.throttle)
	go func(out chan<- Item) {
		defer close(out)
		for i := uint64(0); i < count; i++ {
			out <- source(i)
		}
	}(items)
	for stage := 0; stage < s.bodyCount(); stage++ {
		items = addStage(s, items, body)
	}
	for item := range items {
		sink(item)
	}
}

func addStage[Item any](s settings, in <-chan Item, body func(Item) Item) chan Item {
	out := make(chan Item, s.throttle)
	var workers sync.WaitGroup
	workers.Add(s.workers)
	for w := 0; w < s.workers; w++ {
		go func() {
			defer workers.Done()
			for item := range in {
				out <- body(item)
			}
		}()
	}
	go func() {
		workers.Wait()
		close(out)
	}()
	return out
}

// ---- Elements ----

func addOne(x, spin uint64) uint64 {
	if spin == 0 {
		return x + 1
	}
	state := x
	for i := uint64(0); i < spin; i++ {
		state = (state ^ state>>32) * 0xd6e8feb86659fd93
	}
	if state == 42 {
		return x + 2
	}
	return x + 1
}

type object struct {
	value uint64
}

func preparedStrings() (prepared [16]string) {
	for i := range prepared {
		prepared[i] = strings.Repeat("x", 24+i)
	}
	return
}

// The sum of 0 up to before `count`, of numbers to each of which `bodies` was added.
func expectedSum(count uint64, bodies int) uint64 {
	// The even one is halved first, so that nothing is cut off.
	pairs := count / 2 * (count - 1)
	if count%2 == 1 {
		pairs = (count - 1) / 2 * count
	}
	return pairs + uint64(bodies)*count
}

// ---- Measuring ----

func stream(s settings) outcome {
	var sum uint64
	expected := expectedSum(s.items, s.bodyCount())
	prepared := preparedStrings()
	started := time.Now()
	switch s.element {
	case "int":
		run(s, s.items,
			func(i uint64) uint64 { return i },
			func(x uint64) uint64 { return addOne(x, s.spin) },
			func(x uint64) { sum += x })
	case "string":
		run(s, s.items,
			func(i uint64) string { return prepared[i&15] },
			func(x string) string { return x },
			func(x string) { sum += uint64(len(x)) })
		rest := s.items % 16
		expected = 24*s.items + s.items/16*120 + rest*(rest-1)/2
	case "class":
		run(s, s.items,
			func(i uint64) *object { return &object{i} },
			func(x *object) *object { return &object{addOne(x.value, s.spin)} },
			func(x *object) { sum += x.value })
	}
	return outcome{duration: time.Since(started), ok: sum == expected}
}

func tail(s settings) outcome {
	times := make([]time.Duration, 0, s.items)
	isSlow := func(i uint64) bool { return i%1000 == 500 }
	var sum uint64
	var firstDue time.Time
	due := func(i uint64) time.Time { return firstDue.Add(time.Duration(i) * betweenDue) }
	started := time.Now()
	run(s, s.items,
		func(i uint64) uint64 {
			if i == 0 {
				firstDue = time.Now()
			}
			if left := time.Until(due(i)); left > sleepMargin {
				time.Sleep(left - sleepMargin)
			}
			for time.Until(due(i)) > 0 {
				runtime.Gosched()
			}
			return i
		},
		func(i uint64) uint64 {
			if isSlow(i) {
				time.Sleep(slowItem)
			}
			return i + 1
		},
		func(x uint64) {
			if !isSlow(x - 1) {
				times = append(times, time.Since(due(x-1)))
			}
			sum += x
		})
	return outcome{duration: time.Since(started), ok: sum == expectedSum(s.items, 1), times: times}
}

func call(s settings) outcome {
	times := make([]time.Duration, 0, s.items)
	ok := true
	started := time.Now()
	for number := uint64(1); number <= s.items; number++ {
		var sum uint64
		callStarted := time.Now()
		run(s, 1,
			func(uint64) uint64 { return number },
			func(x uint64) uint64 { return addOne(x, s.spin) },
			func(x uint64) { sum += x })
		times = append(times, time.Since(callStarted))
		ok = ok && sum == number+1
	}
	return outcome{duration: time.Since(started), ok: ok, times: times}
}

// ---- Command line ----

func refuse(why string) {
	fmt.Fprintln(os.Stderr, why)
	os.Exit(2)
}

func oneOf(option, text string, choices ...string) {
	for _, choice := range choices {
		if text == choice {
			return
		}
	}
	refuse(fmt.Sprintf("%s must be one of %s, and is '%s'", option, strings.Join(choices, ", "), text))
}

func parse() (s settings) {
	variant := flag.String("variant", name, "")
	flag.StringVar(&s.measure, "measure", "stream", "")
	flag.Uint64Var(&s.items, "items", 1000000, "")
	flag.IntVar(&s.workers, "workers", 1, "")
	flag.IntVar(&s.throttle, "throttle", 1024, "")
	flag.IntVar(&s.stages, "stages", 3, "")
	flag.Uint64Var(&s.spin, "spin", 0, "")
	flag.StringVar(&s.element, "element", "int", "")
	flag.Parse()
	oneOf("--variant", *variant, name)
	oneOf("--measure", s.measure, "stream", "tail", "call")
	oneOf("--element", s.element, "int", "string", "class")
	oneOf("--stages", fmt.Sprint(s.stages), "3", "8")
	if flag.NArg() > 0 || s.items < 1 || s.workers < 1 {
		refuse("there is an argument too many, or a number too small")
	}
	if s.throttle < 1 {
		refuse("a channel has a bound")
	}
	if s.element == "string" && s.spin > 0 {
		refuse("strings do not spin")
	}
	if s.measure != "stream" && (s.stages != 3 || s.element != "int") {
		refuse(s.measure + " has three stages of int")
	}
	return
}

func main() {
	if len(os.Args) == 2 && os.Args[1] == "--list" {
		fmt.Printf(`{"name":"%s","measures":["stream","tail","call"],"elements":["int","string","class"],`+
			`"mostWorkers":0,"unbounded":false,"spins":true,"stages":[3,8]}`+"\n", name)
		return
	}
	s := parse()
	// Who started this may be gone by the time that something hangs.
	syscall.Syscall(syscall.SYS_ALARM, mostSeconds, 0, 0)
	measures := map[string]func(settings) outcome{"stream": stream, "tail": tail, "call": call}
	result := measures[s.measure](s)
	if result.times == nil {
		result.times = []time.Duration{}
	}
	answer := struct {
		Name    string          `json:"name"`
		Measure string          `json:"measure"`
		Items   uint64          `json:"items"`
		Seconds float64         `json:"seconds"`
		OK      bool            `json:"ok"`
		Times   []time.Duration `json:"times"`
	}{name, s.measure, s.items, result.duration.Seconds(), result.ok, result.times}
	output := bufio.NewWriter(os.Stdout)
	json.NewEncoder(output).Encode(answer)
	output.Flush()
	if !result.ok {
		os.Exit(1)
	}
}
