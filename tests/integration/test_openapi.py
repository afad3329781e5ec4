"""The daemon against the OpenAPI document that it serves: every operation, with good and bad input.

No reply has a status, a content type or a field that the document does not name, and over the run
each field of the document occurs; but for those below, each with its reason.
"""

import http.client
import json
import socket
import unittest
import urllib.parse

import harness
from harness import wait_until
from openapi_rules import Document

# What this run does not bring about, or not on every host, and why.
NEVER_SEEN = {
    ("EventStory", "predicted_by"): "needs a warning of the kernel's before the death",
    ("UnitStatus", "standby_pid"): "no unit here has a spare, which needs a cgroup that can be frozen",
    ("UnitStatus", "memory_bytes"): "needs a cgroup for each unit",
    ("UnitStatus", "tasks"): "needs a cgroup for each unit",
    ("UnitStatus", "cpu_usec"): "needs a cgroup for each unit",
}
NEVER_SEEN.update({("PredictorScore", field): "needs a warning that came true"
                   for field in ("precision", "lead_median_ns", "lead_least_ns")})
REQUESTS = {"ActOnOne", "ActOnMany", "LoadUnit"}
SLEEPER = "ExecStart=/bin/sleep 1000000\nRestart=always\nRestartSec=0"
ACTING = ("start", "stop", "restart", "reload", "rejuvenate", "keep", "unkeep",
          "reset-failed")


def quote(text):
    return urllib.parse.quote(text, safe="")


class OpenApi(harness.DaemonTest):
    def setUp(self):
        super().setUp()
        self.called = set()  # (method, path of the document)

    def connect(self):
        connection = http.client.HTTPConnection("localhost", timeout=harness.DEADLINE_S)
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.settimeout(harness.DEADLINE_S)
        connection.sock.connect(self.daemon.api_path)
        self.addCleanup(connection.close)
        return connection

    def fetch(self):
        """The document, from the daemon."""
        self.api = Document(self.daemon.get("/v1/openapi.json"))

    def path_of(self, target):
        """The document's path for a target; words go before {name}."""
        segments = target.partition("?")[0].split("/")
        for path in sorted(self.api.document["paths"], key=lambda p: "{" in p):
            pattern = path.split("/")
            if len(pattern) == len(segments) and all(
                    w == s or w == "{name}" for w, s in zip(pattern, segments)):
                return path
        raise AssertionError(f"not documented: {target}")

    def answered(self, method, target, response, body):
        """Checks one whole reply. @return its document."""
        path = self.path_of(target)
        what = f"{method} {target}: {response.status}"
        operation = self.api.document["paths"][path][method.lower()]
        described = operation["responses"].get(str(response.status))
        self.assertIsNotNone(described, f"{what} is not documented: {body[:500]}")
        kind = response.headers["Content-Type"]
        content = self.api.resolve(described)["content"]
        self.assertIn(kind, content, what)
        value = json.loads(body)
        self.api.check(content[kind]["schema"], value, what)
        self.called.add((method, path))
        return value

    def call(self, method, target, body=None, status=200, raw=None, headers=None):
        connection = self.connect()
        text = raw if raw is not None else None if body is None else json.dumps(body)
        try:
            connection.request(method, target, body=text, headers=headers or {})
        except BrokenPipeError:
            pass  # refused before all of it was sent; the answer is there
        response = connection.getresponse()
        text = response.read()
        connection.close()
        value = self.answered(method, target, response, text)
        self.assertEqual(response.status, status, (method, target, value))
        return value

    def check_request(self, target, body):
        operation = self.api.document["paths"][self.path_of(target)]["post"]
        schema = operation["requestBody"]["content"]["application/json"]["schema"]
        self.api.check(schema, body, f"the request to {target}")

    def follow(self, target, count, headers=None, meanwhile=None):
        """Reads a stream until `count` messages came. @return [(name, id, data)], all checked."""
        connection = self.connect()
        connection.request("GET", target, headers=headers or {})
        response = connection.getresponse()
        self.assertEqual(response.status, 200, target)
        self.assertEqual(response.headers["Content-Type"], "text/event-stream")
        described = self.api.document["paths"][self.path_of(target)]["get"]["responses"]["200"]
        kinds = described["content"]["text/event-stream"]["x-sse-events"]
        if meanwhile:
            meanwhile()
        messages = []
        fields = {}
        while len(messages) < count:
            line = response.readline().decode()
            self.assertTrue(line.endswith("\n"), f"the stream ended after {messages}")
            if line != "\n":
                name, separator, value = line[:-1].partition(": ")
                self.assertEqual(separator, ": ", line)
                self.assertNotIn(name, fields, line)
                fields[name] = value
                continue
            kind = kinds[fields["event"]]
            data = json.loads(fields["data"])
            self.assertEqual(data["api"], 1)
            self.api.check(kind["data"], data, f"{target}: {fields['event']}")
            self.assertEqual(set(fields), {"event", "data"} | ({"id"} if "id" in kind else set()))
            if "id" in kind:
                self.api.check(kind["id"], fields["id"], f"{target}: id")
                self.assertEqual(fields["id"], data["id"])
            messages.append((fields["event"], fields.get("id"), data))
            fields = {}
        connection.close()
        return messages

    def units(self):
        """Units in all the states that a reply can tell of."""
        self.good = self.daemon.service("good", SLEEPER,
                                        nines="AvailabilityTarget=99.9%")
        self.bad = self.daemon.service("bad", "ExecStart=/no/such/program")
        self.odd = self.daemon.service("odd", SLEEPER + "\nProtectHome=yes")
        self.talk = self.daemon.service("talk", "ExecStart=/bin/sh -c 'while echo line; "
                                        "do sleep 0.1; done'")
        self.held = self.daemon.socket_unit("held", f"ListenStream={self.daemon.work}/held.sock")
        self.daemon.service("held", SLEEPER)

    def history(self):
        """Downtimes of both kinds, over and not over, before the questions about them."""
        self.daemon.act_ok("start", self.good, self.talk, self.odd, self.held)
        harness.kill(self.daemon.wait_main_pid(self.good))
        self.daemon.wait_event("unit.ready", self.good, count=2)
        self.daemon.act_ok("restart", self.good)
        self.daemon.act_ok("stop", self.odd)
        wait_until(lambda: any(r["duration_ns"] is None for r in self.daemon.intervals(self.odd)) and
                   len(self.daemon.intervals(self.good)) == 2, "three downtimes")

    def read_everything(self):
        self.call("GET", "/v1/openapi.json")
        self.call("GET", "/v1/status")
        self.call("GET", "/v1/units")
        for unit in (self.good, self.odd, self.held, "good"):
            self.call("GET", f"/v1/units/{quote(unit)}")
            self.call("GET", f"/v1/events?unit={quote(unit)}&limit=1000")
        wait_until(lambda: self.call("GET", "/v1/units/talk/logs?lines=5")["lines"], "lines")
        self.call("GET", "/v1/events")
        self.call("GET", "/v1/events?since=2020-01-01T00:00:00Z&limit=0&follow=0")
        for question in ("", "?unit=good", "?unit=host", "?since=2020-01-01T00:00:00.5Z"):
            self.call("GET", f"/v1/why{question}")
        for event in self.daemon.events():
            self.call("GET", f"/v1/why?event={quote(event['id'])}")

    def refused_reading(self):
        for target in ("/v1/status?x=1", "/v1/openapi.json?x=1", "/v1/units?follow=1",
                       "/v1/units/a%20b", "/v1/units/good?x=1", "/v1/units/good/logs?lines=10001",
                       "/v1/units/good/logs?follow=2", "/v1/events?limit=x", "/v1/events?unit=a%20b",
                       "/v1/events?since=yesterday", "/v1/events?after=", "/v1/why?event=",
                       "/v1/why?unit=a%20b", "/v1/why?x=1"):
            self.call("GET", target, status=400)
        for target in ("/v1/units/nowhere", "/v1/units/nowhere/logs", "/v1/units/nowhere/logs?follow=1",
                       "/v1/why?event=none", "/v1/events?after=none", "/v1/events?after=none&follow=1"):
            self.call("GET", target, status=404)
        self.call("GET", "/v1/status", raw="{}", status=400)
        self.call("GET", "/v1/events?follow=1", headers={"Last-Event-ID": "a b"}, status=400)
        self.call("GET", "/v1/status", headers={"X-Long": "x" * 20000}, status=431)

    def act_on_everything(self):
        for verb in ACTING:
            body = {"api": 1, "units": [self.good], "no_block": False}
            self.check_request(f"/v1/units/{verb}", body)
            self.call("POST", f"/v1/units/{verb}", body)
            one = f"/v1/units/{quote(self.good)}/{verb}"
            if verb == "reload":  # without ExecReload=
                self.call("POST", one, status=400)
            else:
                self.call("POST", one)
                self.check_request(one, {"no_block": True})
                self.call("POST", one, {"no_block": True})
            self.call("POST", f"/v1/units/{verb}", {"units": ["good", "nowhere"]})
            self.call("POST", f"/v1/units/nowhere/{verb}", status=404)
            for bad in ({"units": []}, {"units": ["a b"]}, {"units": "good"}, {},
                        {"units": ["good"], "noblock": True}):
                self.assertRaises(AssertionError, self.check_request, f"/v1/units/{verb}", bad)
                self.call("POST", f"/v1/units/{verb}", bad, status=400)
            for raw in ("[", "[]", '{"units":["good"]'):
                self.call("POST", f"/v1/units/{verb}", raw=raw, status=400)
                self.call("POST", f"/v1/units/good/{verb}", raw=raw, status=400)
            self.call("POST", f"/v1/units/good/{verb}", {"api": 2}, status=501)
            self.call("POST", f"/v1/units/{verb}", {"api": 2, "units": ["good"]}, status=501)
        self.call("POST", "/v1/units/bad/start", status=410)
        self.call("POST", "/v1/units/start", {"units": [self.bad]})

    def load(self):
        good = {"name": "made.service", "text": "[Service]\nExecStart=/bin/true\nProtectHome=yes\n"}
        self.check_request("/v1/units/load", good)
        self.assertTrue(self.call("POST", "/v1/units/load", good)["warnings"])
        for body in ({**good, "text": "[Service]\n"}, {**good, "name": "../x"}, {"name": "x.service"}):
            self.call("POST", "/v1/units/load", body, status=400)
        self.call("POST", "/v1/units/load", {**good, "text": "x" * 600000}, status=413)

    def streams(self):
        told = self.follow(f"/v1/events?follow=1&limit=1000&unit={quote(self.good)}", 5)
        first = told[0][1]
        rest = self.follow(f"/v1/events?follow=1&unit={quote(self.good)}", 4,
                           headers={"Last-Event-ID": first})
        self.assertEqual([m[1] for m in rest], [m[1] for m in told[1:5]])
        self.assertEqual([m[1] for m in self.follow(
            f"/v1/events?follow=1&unit={quote(self.good)}&after={quote(first)}", 4,
            headers={"Last-Event-ID": "no-such-event"})], [m[1] for m in told[1:5]])
        live = self.follow(f"/v1/events?follow=1&limit=0&unit={quote(self.good)}", 1,
                           meanwhile=lambda: self.daemon.act_ok("restart", self.good))
        self.assertNotIn(live[0][1], [m[1] for m in told])
        self.follow("/v1/units/talk/logs?follow=1&lines=2", 4)

    def test_every_operation(self):
        self.units()
        self.daemon.start()
        self.fetch()
        self.history()
        self.read_everything()
        self.refused_reading()
        self.streams()
        self.act_on_everything()
        self.load()
        self.call("GET", "/v1/units")
        instance = self.daemon.status()["instance"]
        self.call("POST", "/v1/daemon/reexec", raw="{}", status=400)
        self.call("POST", "/v1/daemon/reexec", status=202)
        wait_until(lambda: self.daemon.status()["instance"] != instance, "the successor answers")
        self.assertEqual(self.called, {(m, p) for m, p, _ in self.api.operations()})
        replies = set(self.api.document["components"]["schemas"]) - REQUESTS
        never = self.api.fields_never_seen(replies)
        self.assertEqual(never - set(NEVER_SEEN), set(), "documented, and in no reply")

    def test_the_document_is_sound(self):
        self.daemon.start()
        self.fetch()
        self.assertEqual(self.api.faults(), [])

    def test_the_rules_find_faults(self):
        self.daemon.start()
        broken = self.daemon.get("/v1/openapi.json")
        broken["paths"]["/v1/status"]["get"]["sumary"] = "?"
        broken["components"]["schemas"]["Event"]["type"] = "objekt"
        broken["components"]["schemas"]["Unused"] = {"type": "string"}
        broken["paths"]["/v1/units/{name}"]["get"]["parameters"] = []
        broken["paths"]["/v1/units"]["get"]["responses"]["400"] = {"$ref": "#/components/responses/No"}
        found = "\n".join(Document(broken).faults())
        for word in ("sumary", "objekt", "Unused", "path parameters", "leads nowhere"):
            self.assertIn(word, found)

    def test_what_is_not_documented_is_not_there(self):
        self.daemon.start()
        self.fetch()
        paths = self.api.document["paths"]
        connection = self.connect()
        for path, item in paths.items():
            target = path.replace("{name}", "nowhere")
            for method in ("GET", "POST", "PUT", "DELETE", "PATCH"):
                if method.lower() in item:
                    continue
                connection.request(method, target)
                response = connection.getresponse()
                body = json.loads(response.read())
                if method == "GET" and path.count("/") == 3 and path.startswith("/v1/units/"):
                    self.assertEqual(response.status, 404, target)  # the unit of that name
                    continue
                self.assertEqual(response.status, 405, (method, target))
                for allowed in item:
                    self.assertIn(allowed.upper(), response.headers["Allow"])
                self.api.check({"$ref": "#/components/schemas/Error"}, body, target)
                if method not in ("GET", "POST"):
                    connection.close()
                    connection = self.connect()
        for target in ("/", "/v1", "/v2/status", "/v1/openapi.yaml", "/v1/units/a/explode"):
            connection.request("POST", target)
            response = connection.getresponse()
            self.api.check({"$ref": "#/components/schemas/Error"}, json.loads(response.read()), target)
            self.assertEqual(response.status, 404, target)


if __name__ == "__main__":
    unittest.TestCase.maxDiff = None
    harness.main()
