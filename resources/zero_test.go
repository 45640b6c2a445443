package resources_test

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"reflect"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/prefactordev/prefactor-go/errs"
	"github.com/prefactordev/prefactor-go/middleware"
	"github.com/prefactordev/prefactor-go/prefactortest"
	"github.com/prefactordev/prefactor-go/transport"
)

// TestNilAndZeroValuesGiveASentence calls everything that the module exports with
// nil and zero values, and uses what comes back: each result works, is an error with
// a text, or is a panic whose text names the function. The bubble ends the test if a
// call hangs.
func TestNilAndZeroValuesGiveASentence(t *testing.T) {
	t.Parallel()
	walk := func(name string, visit func(w *walker)) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { visit(newWalker(t, name)) })
		})
	}
	for name, f := range exportedFunctions {
		walk(name, func(w *walker) { w.visit(reflect.ValueOf(f), name, 0) })
	}
	for _, typ := range exportedTypes {
		walk(typ.String(), func(w *walker) {
			w.visitMethods(reflect.New(typ), "zero ", 0)
			w.use(reflect.New(typ), "the zero "+typ.String(), 1)
			if _, excepted := neverNil[typ]; !excepted {
				w.visitMethods(reflect.Zero(reflect.PointerTo(typ)), "nil ", 0)
			}
			for _, sample := range []reflect.Type{typ, reflect.PointerTo(typ)} {
				if samples[sample] != nil {
					w.visitMethods(w.sample(sample), "", 0)
				}
			}
		})
	}
}

// TestEveryExportedNameIsCalledWithNil compares the table with the source.
func TestEveryExportedNameIsCalledWithNil(t *testing.T) {
	t.Parallel()
	types := make(map[string]bool)
	for _, typ := range exportedTypes {
		name, _, _ := strings.Cut(typ.String(), "[") // without type arguments
		types[name] = true
	}
	for name, isType := range exportedNames(t) {
		switch _, isFunction := exportedFunctions[name]; {
		case isType && !types[name]:
			t.Errorf("the type %s isn't called with nil and zero values: add it to exportedTypes in zero_table_test.go", name)
		case !isType && !isFunction:
			t.Errorf("the function %s isn't called with nil and zero values: add it to exportedFunctions in zero_table_test.go", name)
		}
	}
}

// exportedNames returns the exported functions of the module and, with true, the
// exported types besides interfaces.
func exportedNames(t *testing.T) map[string]bool {
	names := make(map[string]bool)
	err := filepath.WalkDir("..", func(path string, entry fs.DirEntry, err error) error {
		switch name := entry.Name(); {
		case err != nil:
			return err
		case entry.IsDir() && (name == "testdata" || name == "internal" || name != ".." && name[0] == '.'):
			return filepath.SkipDir
		case entry.IsDir() || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go"):
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil || file.Name.Name == "main" {
			return err
		}
		for _, declaration := range file.Decls {
			addExported(names, file.Name.Name+".", declaration)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func addExported(names map[string]bool, prefix string, declaration ast.Decl) {
	switch d := declaration.(type) {
	case *ast.FuncDecl:
		if d.Recv == nil && d.Name.IsExported() {
			names[prefix+d.Name.Name] = false
		}
	case *ast.GenDecl:
		for _, spec := range d.Specs {
			typ, ok := spec.(*ast.TypeSpec)
			if !ok || !typ.Name.IsExported() {
				continue
			}
			if _, isInterface := typ.Type.(*ast.InterfaceType); !isInterface {
				names[prefix+typ.Name.Name] = true
			}
		}
	}
}

// walker calls one function, or the methods of one type.
type walker struct {
	*testing.T
	name   string // of the function or type
	fake   *prefactortest.Fake
	cfg    middleware.Config
	client *transport.Client
}

func newWalker(t *testing.T, name string) *walker {
	w := &walker{T: t, name: name, fake: prefactortest.New(), cfg: middleware.NewConfig(apiURL, prefactortest.Token)}
	rt, err := middleware.Default(w.cfg).RoundTripper(w.fake.RoundTripper())
	if err != nil {
		t.Fatal(err)
	}
	if w.client, err = transport.NewClient(apiURL, rt); err != nil {
		t.Fatal(err)
	}
	return w
}

// visit calls f with each list of arguments, and uses the results.
func (w *walker) visit(f reflect.Value, name string, depth int) {
	for _, args := range w.arguments(name, f.Type()) {
		called := name + describe(args)
		for i, result := range w.call(called, afterLast(name, "."), f, args) {
			w.use(result, fmt.Sprintf("result %d of %s", i+1, called), depth)
		}
	}
}

// visitMethods visits the methods of receiver. Those of a nil pointer are only the
// ones that Go calls with it.
func (w *walker) visitMethods(receiver reflect.Value, prefix string, depth int) {
	typ := receiver.Type()
	for i := range typ.NumMethod() {
		method := typ.Method(i)
		if calledByOthers[method.Name] != "" {
			continue
		}
		if typ.Kind() == reflect.Pointer && receiver.IsNil() {
			if _, ofValue := typ.Elem().MethodByName(method.Name); ofValue {
				continue
			}
		}
		w.visit(receiver.Method(i), prefix+strings.TrimPrefix(typ.String(), "*")+"."+method.Name, depth)
	}
}

// call calls f. It fails the test if f panics without a sentence that names the
// function.
func (w *walker) call(called, function string, f reflect.Value, args []reflect.Value) (results []reflect.Value) {
	var calling sync.WaitGroup
	calling.Go(func() { // f may end the goroutine, as a test does that fails
		defer func() {
			if value := recover(); value != nil {
				w.checkPanic(called, function, value)
			}
		}()
		if f.Type().IsVariadic() {
			results = f.CallSlice(args)
			return
		}
		results = f.Call(args)
	})
	calling.Wait()
	return results
}

// checkPanic fails the test unless the text of a panic begins with the package, and
// names the function or its type.
func (w *walker) checkPanic(called, function string, value any) {
	pkg, typ, _ := strings.Cut(w.name, ".")
	text := fmt.Sprint(value)
	folded := strings.ToLower(strings.ReplaceAll(text, " ", ""))
	_, isRuntime := value.(runtime.Error)
	if isRuntime || !strings.HasPrefix(text, pkg) || !strings.Contains(folded, strings.ToLower(function)) && !strings.Contains(text, typ) {
		w.Errorf("%s panics with %q: want an error, or a text that begins with %q, names %s and says what to give", called, text, pkg, function)
	}
}

// use does with a result what its reader would do, and calls its methods.
func (w *walker) use(result reflect.Value, called string, depth int) {
	if use := uses[result.Type()]; use != nil {
		w.call(called, "", reflect.ValueOf(func() { use(w, result.Interface()) }), nil)
	}
	if result.Kind() == reflect.Interface {
		result = result.Elem()
	}
	if !result.IsValid() || isNil(result) {
		return
	}
	if err, ok := result.Interface().(error); ok {
		w.checkError(called, err)
	}
	if result.Kind() == reflect.Func && uses[result.Type()] == nil {
		w.call(called, "", result, w.sampleArguments(w.name, result.Type()))
	}
	if depth > 0 || !ours(result.Type()) {
		return
	}
	w.visitMethods(result, called+": ", depth+1)
	if result = reflect.Indirect(result); result.Kind() != reflect.Struct {
		return
	}
	for field, value := range result.Fields() {
		if field.IsExported() && value.Kind() == reflect.Pointer {
			w.use(value, called+": "+field.Name, depth+1)
		}
	}
}

// notSentence matches a text that is empty or has gaps, or where a nil shows.
var notSentence = regexp.MustCompile(`^$|^ | $|  | [:;,]|[:;,] ?[:;,]|%!|<nil>|dereference`)

// checkError fails the test if an error isn't a sentence, and asks of it what callers
// ask.
func (w *walker) checkError(called string, err error) {
	if text := err.Error(); notSentence.MatchString(text) {
		w.Errorf("the error of %s is %q: want a sentence without gaps", called, text)
	}
	_ = errs.KindOf(err)
	_, _ = errs.RetryAfter(err)
	_ = errs.Retryable(err) || errs.MaybeApplied(err) || errs.FromServer(err) || errors.Is(err, errs.ErrClient)
}

// arguments returns lists of arguments for a function: zero values alone; and
// samples with one zero value among them, or one function that returns zero values.
func (w *walker) arguments(name string, f reflect.Type) (lists [][]reflect.Value) {
	var zeros []reflect.Value
	for i := range f.NumIn() {
		zeros = append(zeros, zeroArgument(f, i))
	}
	lists = append(lists, zeros)
	if f.NumIn() > 0 && f.In(0) == reflect.TypeFor[*testing.T]() {
		return lists // with a test it would run for minutes
	}
	for i := range f.NumIn() {
		args := w.sampleArguments(name, f)
		args[i] = zeroArgument(f, i)
		lists = append(lists, args)
		if in := f.In(i); in.Kind() == reflect.Func {
			args := w.sampleArguments(name, f)
			args[i] = reflect.MakeFunc(in, func([]reflect.Value) []reflect.Value { return zeroResults(in) }).Convert(in)
			lists = append(lists, args)
		}
	}
	return append(lists, w.sampleArguments(name, f))
}

// zeroArgument returns the zero value of an argument; of a variadic one a list of one
// zero value.
func zeroArgument(f reflect.Type, i int) reflect.Value {
	if f.IsVariadic() && i == f.NumIn()-1 {
		return reflect.MakeSlice(f.In(i), 1, 1)
	}
	return reflect.Zero(f.In(i))
}

func zeroResults(f reflect.Type) (results []reflect.Value) {
	for i := range f.NumOut() {
		results = append(results, reflect.Zero(f.Out(i)))
	}
	return results
}

func (w *walker) sampleArguments(name string, f reflect.Type) (args []reflect.Value) {
	own := sampleArguments[afterLast(name, " ")]
	for i := range f.NumIn() {
		if i < len(own) {
			args = append(args, reflect.ValueOf(own[i]))
			continue
		}
		args = append(args, w.sample(f.In(i)))
	}
	return args
}

// sample returns a value of a type that a program might give.
func (w *walker) sample(typ reflect.Type) reflect.Value {
	if make := samples[typ]; make != nil {
		return reflect.ValueOf(make(w))
	}
	sample := reflect.New(typ).Elem()
	switch typ.Kind() {
	case reflect.Bool:
		sample.SetBool(true)
	case reflect.Int, reflect.Int64:
		sample.SetInt(1)
	case reflect.Uint, reflect.Uint64:
		sample.SetUint(1)
	case reflect.Float64:
		sample.SetFloat(1)
	case reflect.Pointer:
		sample.Set(reflect.New(typ.Elem()))
	case reflect.Slice:
		sample.Set(reflect.Append(sample, w.sample(typ.Elem())))
	case reflect.Func:
		sample.Set(reflect.MakeFunc(typ, func(args []reflect.Value) []reflect.Value { return w.sampleResults(typ, args) }))
	}
	return sample
}

// sampleResults returns what a function given as an argument returns: its own
// argument, where that fits, and no error.
func (w *walker) sampleResults(f reflect.Type, args []reflect.Value) (results []reflect.Value) {
	for i := range f.NumOut() {
		out := f.Out(i)
		switch {
		case out == reflect.TypeFor[error]():
			results = append(results, reflect.Zero(out))
		case len(args) > 0 && f.In(0) == out:
			results = append(results, args[0])
		default:
			results = append(results, w.sample(out).Convert(out))
		}
	}
	return results
}

// describe shows arguments by what matters here: zero or not.
func describe(args []reflect.Value) string {
	var texts []string
	for _, arg := range args {
		switch {
		case isNil(arg):
			texts = append(texts, "nil")
		case arg.IsZero():
			texts = append(texts, "zero "+arg.Type().String())
		case arg.Kind() == reflect.Slice && arg.Index(0).IsZero():
			texts = append(texts, "zero "+arg.Type().Elem().String())
		default:
			texts = append(texts, arg.Type().String())
		}
	}
	return "(" + strings.Join(texts, ", ") + ")"
}

func afterLast(text, sep string) string { return text[strings.LastIndex(text, sep)+1:] }

func isNil(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Chan, reflect.Func, reflect.Interface, reflect.Map, reflect.Pointer, reflect.Slice:
		return v.IsNil()
	}
	return false
}

// ours reports whether a type, or what it points to, is of this module.
func ours(typ reflect.Type) bool {
	if typ.Kind() == reflect.Pointer {
		typ = typ.Elem()
	}
	return strings.HasPrefix(typ.PkgPath(), "github.com/prefactordev/prefactor-go")
}
