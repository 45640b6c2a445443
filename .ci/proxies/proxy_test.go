// Package proxies_test tests the client behind real proxies: nginx, haproxy and
// squid. The script run fetches those that the machine lacks. Proxies run in real
// time, so this is the one package whose tests do.
package proxies_test

import (
	"bytes"
	"net"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// proxy is a program that forwards requests.
type proxy struct {
	t            *testing.T
	program      string
	args         []string
	addr         string // where it listens when it is ready
	reloadSignal syscall.Signal

	cmd    *exec.Cmd
	output bytes.Buffer
	ended  chan struct{}
}

// start runs a program until the test ends. It skips the test if the machine
// doesn't have it.
func (p *proxy) start() *proxy {
	p.t.Helper()
	p.run()
	p.t.Cleanup(p.kill)
	return p
}

// path returns the path of a program. It skips the test if there is none.
func path(t *testing.T, program string) string {
	t.Helper()
	found, err := exec.LookPath(program)
	if err != nil {
		t.Skipf("NOT TESTED: no %s on this machine; .ci/proxies/run fetches it where apt can", program)
	}
	if found, err = filepath.EvalSymlinks(found); err != nil {
		t.Fatal(err)
	}
	return found
}

func (p *proxy) run() {
	p.t.Helper()
	p.output.Reset()
	p.cmd = exec.Command(p.program, p.args...)
	p.cmd.Stdout, p.cmd.Stderr = &p.output, &p.output
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // with its workers
	if err := p.cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	ended := make(chan struct{})
	p.ended = ended
	go func() {
		_ = p.cmd.Wait()
		close(ended)
	}()
	// A program of its own says by nothing else that it listens. The limit only ends
	// a test that would hang.
	for began := time.Now(); ; time.Sleep(10 * time.Millisecond) {
		if conn, err := net.Dial("tcp", p.addr); err == nil {
			_ = conn.Close()
			return
		}
		select {
		case <-p.ended:
			p.t.Fatalf("%s ended:\n%s", p.program, p.output.String())
		default:
		}
		if time.Since(began) > 20*time.Second {
			p.kill()
			p.t.Fatalf("%s doesn't listen on %s:\n%s", p.program, p.addr, p.output.String())
		}
	}
}

// kill ends the program and its workers at once.
func (p *proxy) kill() {
	_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
	<-p.ended
}

// reload lets the program read its configuration again.
func (p *proxy) reload() { _ = p.cmd.Process.Signal(p.reloadSignal) }
