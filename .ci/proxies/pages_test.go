package proxies_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/prefactordev/prefactor-go/errs"
	"github.com/prefactordev/prefactor-go/middleware"
	"github.com/prefactordev/prefactor-go/prefactortest"
	"github.com/prefactordev/prefactor-go/resources/instances"
	"github.com/prefactordev/prefactor-go/resources/spans"
)

// page is what a proxy answers in the API's place, and what the client makes of
// it.
type page struct {
	name  string
	url   string
	late  bool // the API acts, and answers after the proxy has given up
	kind  errs.Kind
	maybe bool     // errs.MaybeApplied
	holds int      // spans at the API afterwards
	texts []string // in the error: who sent the page, and what to do
}

func TestNginxPages(t *testing.T) {
	api := newAPI(t, nil)
	const toAPI = `rewrite ^/[a-z0-9]+(/.*)$ $1 break; proxy_pass http://api;`
	const slow = `proxy_read_timeout 200ms; ` + toAPI
	front := newNginx(t, api.addr, `
		location /301/ { return 301 /login; }
		location /302/ { return 302 /login; }
		location /403/ { return 403; }
		location /404/ { return 404; }
		location /413/ { client_max_body_size 10; `+toAPI+` }
		location /502/ { proxy_pass http://`+freePort(t)+`; }
		location /503/ { return 503; }
		location /504/ { `+slow+` }
		location /hidden/ { `+slow+` error_page 504 =404 @gone; }
		location /drop/ { limit_req zone=drop; `+toAPI+` }
		location /many/ { limit_req zone=many; limit_req_status 429; `+toAPI+` }
		location @gone { return 404; }`)
	url := "http://" + front.plain
	for _, path := range []string{"/drop/", "/many/"} { // takes what the limit allows
		resp, err := http.Get(url + path)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
	}
	checkPages(t, api, url, direct, []page{
		{"301", url + "/301", false, errs.KindContract, true, 0, []string{"answered 301", "/login", "check that the API URL"}},
		{"302", url + "/302", false, errs.KindContract, true, 0, []string{"answered 302", "/login", "check that the API URL"}},
		{"403", url + "/403", false, errs.KindContract, true, 0, []string{`titled "403 Forbidden"`, "from Server nginx", "a gateway refused the call"}},
		{"404", url + "/404", false, errs.KindContract, true, 0, []string{`titled "404 Not Found"`, "from Server nginx", "check that the API URL"}},
		{"413", url + "/413", false, errs.KindContract, false, 0, []string{`titled "413 Request Entity Too Large"`, "from Server nginx", "send smaller payloads"}},
		{"502", url + "/502", false, errs.KindContract, true, 0, []string{`titled "502 Bad Gateway"`, "from Server nginx", "try again later"}},
		{"503", url + "/503", false, errs.KindContract, true, 0, []string{`titled "503 Service Temporarily Unavailable"`, "from Server nginx", "try again later"}},
		{"504", url + "/504", true, errs.KindContract, true, 1, []string{`titled "504 Gateway Time-out"`, "from Server nginx", "try again later"}},
		{"504 that is shown as 404", url + "/hidden", true, errs.KindContract, true, 1, []string{`titled "404 Not Found"`, "from Server nginx", "check that the API URL"}},
		{"limit_req with 503", url + "/drop", false, errs.KindContract, true, 0, []string{`titled "503 Service Temporarily Unavailable"`, "from Server nginx", "try again later"}},
		{"limit_req with 429", url + "/many", false, errs.KindContract, false, 0, []string{`titled "429 Too Many Requests"`, "from Server nginx", "try again later"}},
	})
}

func TestHAProxyPages(t *testing.T) {
	api := newAPI(t, nil)
	front := newHAProxy(t, api.addr, `
	http-request deny deny_status 403 if { path_beg /403/ }
	http-request deny deny_status 408 if { path_beg /408/ }
	http-request deny deny_status 429 if { path_beg /429/ }
	use_backend down if { path_beg /503/ }
	use_backend slow if { path_beg /504/ }
	use_backend guarded if { path_beg /guarded/ }`, `
backend down
	server api `+freePort(t)+`
backend slow
	timeout server 200ms
	http-request replace-path '^/504(/.*)$' '\1'
	server api `+api.addr+`
backend guarded
	http-request replace-path '^/guarded(/.*)$' '\1'
	http-response deny deny_status 403
	server api `+api.addr)
	url := "http://" + front.plain
	checkPages(t, api, url, direct, []page{
		{"403", url + "/403", false, errs.KindContract, true, 0, []string{`titled "403 Forbidden"`, "a gateway refused the call"}},
		{"403 in place of the API's answer", url + "/guarded", false, errs.KindContract, true, 1, []string{`titled "403 Forbidden"`, "a gateway refused the call"}},
		{"408", url + "/408", false, errs.KindContract, true, 0, []string{`titled "408 Request Time-out"`, "try again later"}},
		{"429", url + "/429", false, errs.KindContract, false, 0, []string{`titled "429 Too Many Requests"`, "try again later"}},
		{"503", url + "/503", false, errs.KindContract, true, 0, []string{`titled "503 Service Unavailable"`, "try again later"}},
		{"504", url + "/504", true, errs.KindContract, true, 1, []string{`titled "504 Gateway Time-out"`, "try again later"}},
	})
}

func TestSquidPages(t *testing.T) {
	api := newAPI(t, nil)
	denied, private, down := freePort(t), freePort(t), freePort(t)
	port := func(addr string) string { return addr[strings.LastIndex(addr, ":")+1:] }
	squid := newSquid(t, `
auth_param basic program /bin/cat
auth_param basic children 1 startup=0 idle=1
acl denied port `+port(denied)+`
acl private port `+port(private)+`
acl user proxy_auth REQUIRED
http_access deny denied
http_access deny private !user`)
	checkPages(t, api, "http://"+api.addr, squid.through, []page{
		{"403", "http://" + denied, false, errs.KindContract, true, 0, []string{"ERROR: The requested URL could not be retrieved", "from Server squid", "ERR_ACCESS_DENIED", "a gateway refused"}},
		{"407", "http://" + private, false, errs.KindContract, false, 0, []string{"ERROR: Cache Access Denied", "from Server squid", "ERR_CACHE_ACCESS_DENIED", "check the proxy"}},
		{"503", "http://" + down, false, errs.KindContract, true, 0, []string{"ERROR: The requested URL could not be retrieved", "from Server squid", "ERR_CONNECT_FAIL", "try again later"}},
		{"CONNECT is denied with 403", "https://" + denied, false, errs.KindNetwork, false, 0, []string{"answered CONNECT with 403", "check the proxy"}},
		{"CONNECT is denied with 407", "https://" + private, false, errs.KindNetwork, false, 0, []string{"answered CONNECT with 407", "check the proxy"}},
		{"CONNECT fails with 503", "https://" + down, false, errs.KindNetwork, false, 0, []string{"answered CONNECT with 503", "check the proxy"}},
	})
}

// direct is an edit of a base transport that uses no proxy.
func direct(base *http.Transport) { base.Proxy = nil }

// checkPages makes a call to each page. apiURL leads to the API itself.
func checkPages(t *testing.T, api *api, apiURL string, tune func(*http.Transport), pages []page) {
	t.Helper()
	cfg := middleware.NewConfig(apiURL, prefactortest.Token)
	cfg.MaxRetries = 0
	base := middleware.NewBase(cfg, tune)
	defer base.CloseIdleConnections()
	instance, err := connect(t, middleware.Default(cfg), apiURL, base).Instances.Register(t.Context(),
		instances.RegisterParams{AgentID: prefactortest.AgentID, EnvironmentID: prefactortest.EnvironmentID})
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range pages {
		t.Run(p.name, func(t *testing.T) {
			if p.late {
				api.Inject(prefactortest.On("agent_spans.create").Delay(time.Second))
			}
			cfg.APIURL = p.url
			before := len(api.Spans())
			_, err := connect(t, middleware.Default(cfg), p.url, base).Spans.Create(t.Context(),
				spans.CreateParams{AgentInstanceID: instance.ID, SchemaName: "step"})
			got := fmt.Sprintf("kind %s, maybe applied %t, %d spans", errs.KindOf(err), errs.MaybeApplied(err), len(api.Spans())-before)
			want := fmt.Sprintf("kind %s, maybe applied %t, %d spans", p.kind, p.maybe, p.holds)
			if got != want {
				t.Errorf("%s\n got %s\nwant %s", err, got, want)
			}
			for _, text := range p.texts {
				if !strings.Contains(fmt.Sprint(err), text) {
					t.Errorf("%s\nhas no %q", err, text)
				}
			}
		})
	}
}
