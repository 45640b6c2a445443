package resources_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prefactordev/prefactor-go/resources"
)

// Each name of the official packages stands in MIGRATING.md, beside a name of this
// module that exists or a sentence that says why there is none.
func TestTheMigrationPageHasEveryName(t *testing.T) {
	t.Parallel()
	page := readLines(t, "MIGRATING.md")
	declared := declaredNames(t)
	for file, section := range map[string]string{
		"python_http":     "### `prefactor_http`",
		"python_core":     "### `prefactor_core`",
		"typescript_core": "### `@prefactor/core`",
	} {
		rows := tableRows(page, section)
		for _, name := range readLines(t, "testdata/"+file+".txt") {
			i := slices.IndexFunc(rows, func(row [3]string) bool { return mentions(row[0], name) })
			if i < 0 {
				t.Errorf("%s of %s isn't in MIGRATING.md, below %s", name, file, section)
			} else if problem := checkCounterpart(rows[i], declared); problem != "" {
				t.Errorf("%s of %s: %s: %s", name, file, problem, rows[i][1])
			}
		}
	}
}

// All Go names in the page's tables exist.
func TestTheMigrationPageNamesWhatExists(t *testing.T) {
	t.Parallel()
	declared := declaredNames(t)
	rows := tableRows(readLines(t, "MIGRATING.md"), "### ")
	if len(rows) < 100 {
		t.Fatalf("the page has %d rows", len(rows))
	}
	for _, row := range rows {
		for _, name := range goNames(row[1] + row[2]) {
			if !declared[name] {
				t.Errorf("%s: there is no %s", row[0], name)
			}
		}
	}
}

func readLines(t *testing.T, path string) []string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSpace(string(text)), "\n")
}

// tableRows returns the rows of the tables below the headings that begin with heading.
func tableRows(page []string, heading string) (rows [][3]string) {
	below := false
	for _, line := range page {
		if strings.HasPrefix(line, "#") {
			below = strings.HasPrefix(line, heading)
		}
		cells := strings.Split(line, " | ")
		if below && len(cells) == 3 && cells[1] != "here" { // not the table's head
			rows = append(rows, [3]string{cells[0], cells[1], strings.TrimSpace(strings.TrimSuffix(cells[2], "|"))})
		}
	}
	return rows
}

// code matches what a cell shows as code.
var code = regexp.MustCompile("`[^`]+`")

// mentions reports whether a cell has the name, alone or in front of arguments.
func mentions(cell, name string) bool {
	is := regexp.MustCompile("^`(client\\.)?" + regexp.QuoteMeta(name) + "[`(=]")
	return slices.ContainsFunc(code.FindAllString(cell, -1), is.MatchString)
}

// checkCounterpart says what is wrong with the second cell of a row: it must begin with
// a name of this module, or with none beside a reason.
func checkCounterpart(row [3]string, declared map[string]bool) string {
	if row[1] == "none" {
		if len(strings.Fields(row[2])) < 4 {
			return "no reason is given"
		}
		return ""
	}
	names := goNames(row[1])
	if len(names) == 0 || slices.ContainsFunc(names, func(name string) bool { return !declared[name] }) {
		return "names nothing of this module"
	}
	return ""
}

// goName matches a name of this module, with its package or beginning with api.
var goName = regexp.MustCompile(`\b(?:api|agents|alerts|bulk|errs|instances|list|middleware|pfid|rawjson|resources|spans|transport)\.[A-Z]\w*(?:\.[A-Z]\w*)?`)

func goNames(cell string) (names []string) {
	for _, text := range code.FindAllString(cell, -1) {
		names = append(names, goName.FindAllString(text, -1)...)
	}
	return names
}

// declaredNames returns the exported names of the module: of functions, types,
// constants and variables with their package, of fields and methods with their type,
// too, and what an API gives, with "api." before it.
func declaredNames(t *testing.T) map[string]bool {
	names := make(map[string]bool)
	err := filepath.WalkDir("..", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		for _, declaration := range file.Decls {
			addDeclared(names, file.Name.Name+".", declaration)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	addMembers(names, "api.", reflect.TypeFor[*resources.API]())
	for field := range reflect.TypeFor[resources.API]().Fields() {
		if field.IsExported() {
			names["api."+field.Name] = true
			addMembers(names, "api."+field.Name+".", field.Type)
		}
	}
	return names
}

func addMembers(names map[string]bool, prefix string, pointer reflect.Type) {
	for method := range pointer.Methods() {
		names[prefix+method.Name] = true
	}
}

func addDeclared(names map[string]bool, prefix string, declaration ast.Decl) {
	switch d := declaration.(type) {
	case *ast.FuncDecl:
		name := d.Name.Name
		if d.Recv != nil {
			name = receiver(d.Recv.List[0].Type) + "." + name
		}
		names[prefix+name] = true
	case *ast.GenDecl:
		for _, spec := range d.Specs {
			switch s := spec.(type) {
			case *ast.ValueSpec:
				for _, name := range s.Names {
					names[prefix+name.Name] = true
				}
			case *ast.TypeSpec:
				names[prefix+s.Name.Name] = true
				addFields(names, prefix+s.Name.Name+".", s.Type)
			}
		}
	}
}

func addFields(names map[string]bool, prefix string, of ast.Expr) {
	if structure, ok := of.(*ast.StructType); ok {
		for _, field := range structure.Fields.List {
			for _, name := range field.Names {
				names[prefix+name.Name] = true
			}
		}
	}
}

// receiver returns the name of a method's type.
func receiver(of ast.Expr) string {
	switch e := of.(type) {
	case *ast.StarExpr:
		return receiver(e.X)
	case *ast.IndexExpr:
		return receiver(e.X)
	case *ast.Ident:
		return e.Name
	}
	return ""
}
