"""What an OpenAPI 3.1 document must be, as far as ours goes, and values against its schemas.

The rules are those of the OpenAPI Specification 3.1.0, section 4.8, strict: a field that is not
listed here is an error, so that a misspelt one is not silently ignored by whoever reads the document.
"""

import re

from jsonschema import Draft202012Validator, FormatChecker

_formats = FormatChecker(formats=())


@_formats.checks("date-time", raises=ValueError)
def _is_date_time(text):
    if isinstance(text, str) and not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", text):
        raise ValueError(text)
    return True


def _object(needed, /, **properties):
    return {"type": "object", "required": needed, "properties": properties,
            "patternProperties": {"^x-": {}}, "additionalProperties": False}


def _map(of, names=".*"):
    return {"type": "object", "patternProperties": {names: of}, "additionalProperties": False}


_TEXT = {"type": "string", "minLength": 1}
_REF = _object(["$ref"], **{"$ref": {"type": "string", "pattern": "^#/components/"}})
_SCHEMA = {"type": "object"}  # by the meta-schema of JSON Schema
_CONTENT = _map(_object(["schema"], schema=_SCHEMA), "^[a-z]+/[a-z-]+$")
_PARAMETER = {**_object(["name", "in", "schema", "description"], name=_TEXT, description=_TEXT,
                        required={"type": "boolean"}, schema=_SCHEMA,
                        **{"in": {"enum": ["query", "header", "path", "cookie"]}}),
              "if": {"properties": {"in": {"const": "path"}}},
              "then": {"required": ["required"], "properties": {"required": {"const": True}}}}
_RESPONSE = _object(["description"], description=_TEXT, content=_CONTENT)
_BODY = _object(["content"], required={"type": "boolean"}, content=_CONTENT)


def _or_ref(of):
    return {"if": {"required": ["$ref"]}, "then": _REF, "else": of}


_OPERATION = _object(
    ["operationId", "tags", "summary", "responses"], operationId=_TEXT, summary=_TEXT,
    tags={"type": "array", "items": _TEXT}, requestBody=_BODY,
    parameters={"type": "array", "items": _or_ref(_PARAMETER)},
    responses=_map(_or_ref(_RESPONSE), "^[1-5][0-9][0-9]$"))
_DOCUMENT = _object(
    ["openapi", "info", "servers", "paths", "components"], openapi={"const": "3.1.0"},
    info=_object(["title", "version"], title=_TEXT, version=_TEXT, summary=_TEXT, description=_TEXT),
    servers={"type": "array", "items": _object(["url"], url=_TEXT, description=_TEXT)},
    tags={"type": "array", "items": _object(["name"], name=_TEXT, description=_TEXT)},
    paths=_map(_object([], get=_OPERATION, post=_OPERATION), "^/"),
    components=_object([], schemas=_map(_SCHEMA, "^[A-Za-z]+$"), parameters=_map(_PARAMETER),
                       responses=_map(_RESPONSE)))


def _walk(value, where="#"):
    yield where, value
    if isinstance(value, dict):
        for key, member in value.items():
            yield from _walk(member, f"{where}/{key}")
    elif isinstance(value, list):
        for index, member in enumerate(value):
            yield from _walk(member, f"{where}/{index}")


class Document:
    def __init__(self, document):
        self.document = document
        self.seen = set()  # (schema, property) that a checked value had

    def resolve(self, node):
        while "$ref" in node:
            target = self.document
            for word in node["$ref"].removeprefix("#/").split("/"):
                target = target[word]
            node = target
        return node

    def operations(self):
        """(method, path, operation), each."""
        for path, item in self.document["paths"].items():
            for method, operation in item.items():
                yield method.upper(), path, operation

    def faults(self):
        """What is wrong with the document itself. @return sentences; none: it is sound."""
        found = [f"{'/'.join(map(str, e.absolute_path))}: {e.message}"
                 for e in Draft202012Validator(_DOCUMENT).iter_errors(self.document)]
        for name, schema in self.document["components"]["schemas"].items():
            found += [f"schema {name}: {e.message}" for e in Draft202012Validator(
                Draft202012Validator.META_SCHEMA).iter_errors(schema)]
        refs = set()
        for where, node in _walk(self.document):
            if isinstance(node, dict) and isinstance(node.get("$ref"), str):
                refs.add(node["$ref"])
                try:
                    self.resolve(node)
                except KeyError:
                    found.append(f"{where}: {node['$ref']} leads nowhere")
        for kind, members in self.document["components"].items():
            found += [f"nothing uses {kind}/{name}" for name in members
                      if f"#/components/{kind}/{name}" not in refs]
        ids = [operation["operationId"] for _, _, operation in self.operations()]
        found += [f"operationId {i} is there twice" for i in set(ids) if ids.count(i) > 1]
        tags = {tag["name"] for tag in self.document["tags"]}
        for method, path, operation in self.operations():
            found += [f"{path}: no such tag {t}" for t in operation["tags"] if t not in tags]
            named = {p["name"] for p in map(self.resolve, operation.get("parameters", []))
                     if p["in"] == "path"}
            if named != set(re.findall(r"{(\w+)}", path)):
                found.append(f"{method} {path}: its path parameters are {named}")
        return found

    def check(self, schema, value, what):
        """Raises AssertionError, unless the value is as the schema says; remembers its fields."""
        validator = Draft202012Validator({**schema, "components": self.document["components"]},
                                         format_checker=_formats)
        errors = [f"{'/'.join(map(str, e.absolute_path))}: {e.message}"
                  for e in validator.iter_errors(value)]
        if errors:
            raise AssertionError(f"{what}: not as documented: {errors[:5]}\n{str(value)[:2000]}")
        self._remember(schema, value)

    def _remember(self, schema, value, name=None):
        if "$ref" in schema:
            self._remember(self.resolve(schema), value, schema["$ref"].rpartition("/")[2])
        for part in schema.get("allOf", []):
            self._remember(part, value, name)
        for part in schema.get("oneOf", []):
            whole = {**part, "components": self.document["components"]}
            if Draft202012Validator(whole).is_valid(value):
                self._remember(part, value, name)
        if isinstance(value, dict):
            for key, member in schema.get("properties", {}).items():
                if key in value:
                    self.seen.add((name, key))
                    self._remember(member, value[key], name)
        elif isinstance(value, list) and "items" in schema:
            for member in value:
                self._remember(schema["items"], member, name)

    def fields_never_seen(self, replies):
        """@param replies  names of the schemas that replies are made of."""
        wanted = {(name, key) for name in replies for key in
                  self.document["components"]["schemas"][name].get("properties", {})}
        return wanted - self.seen
