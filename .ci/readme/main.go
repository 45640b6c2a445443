// Command readme checks that each Go block of a Markdown file stands, line by
// line, in an example of the repository, and so is compiled and run with the
// tests.
package main

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

func main() {
	var examples []string
	err := filepath.WalkDir(".", func(path string, _ fs.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(path, "_test.go") {
			var source []byte
			source, err = os.ReadFile(path)
			examples = append(examples, unindent(string(source)))
		}
		return err
	})
	if err != nil {
		fail(err)
	}
	for _, file := range os.Args[1:] {
		text, err := os.ReadFile(file)
		if err != nil {
			fail(err)
		}
		blocks := strings.Split(string(text), "```go\n")[1:]
		for _, block := range blocks {
			block, _, _ = strings.Cut(block, "```")
			if !standsIn(examples, unindent(block)) {
				fail(fmt.Errorf("%s: this block is in no example:\n%s", file, block))
			}
		}
		fmt.Printf("%s: %d Go blocks, each in an example\n", file, len(blocks))
	}
}

func standsIn(examples []string, block string) bool {
	for _, example := range examples {
		if strings.Contains(example, block) {
			return true
		}
	}
	return false
}

// unindent returns the lines of a text without their indentation.
func unindent(text string) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		lines[i] = strings.TrimSpace(line)
	}
	return strings.Join(lines, "\n")
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "readme:", err)
	os.Exit(1)
}
