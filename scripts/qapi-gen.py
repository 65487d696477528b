#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Reads the QMP schema (qapi/*.json) and writes C types, tables, dispatch, events and the manual.

Marshalling is table driven: this script writes constant tables of indices and string offsets (no pointers, so nothing to
relocate at start-up), and qapi/qapi-core.c interprets them, for arguments, results and query-qmp-schema alike.
The schema language is described in docs/devel/qapi.rst.
"""
import argparse
import os
import re
import sys


class SchemaError(Exception):
    pass


# --- reading -----------------------------------------------------------------------------------------------

class Parser:
    """JSON with single or double quotes and '#' comments; a comment block directly above an entity documents it."""

    def __init__(self, path):
        self.path = path
        with open(path, encoding='utf-8') as f:
            self.text = f.read()
        self.pos = 0
        self.comment = []
        self.intro = []
        self.first = True

    def fail(self, message):
        line = self.text.count('\n', 0, self.pos) + 1
        raise SchemaError(f'{self.path}:{line}: {message}')

    def skip(self):
        """Skips white space and comments; the last unbroken comment block stays in self.comment."""
        self.comment = []
        newlines = 0
        while self.pos < len(self.text):
            c = self.text[self.pos]
            if c == '\n':
                newlines += 1
                if newlines > 1:
                    if self.first and self.comment:
                        self.intro = self.comment
                        self.first = False
                    self.comment = []
                self.pos += 1
            elif c.isspace():
                self.pos += 1
            elif c == '#':
                end = self.text.find('\n', self.pos)
                end = len(self.text) if end < 0 else end
                line = self.text[self.pos + 1:end]
                line = line[1:] if line.startswith(' ') else line
                if 'SPDX-License-Identifier' not in line:
                    self.comment.append(line.rstrip())
                self.pos = end
                newlines = 0
            else:
                return c
        return ''

    def expect(self, c):
        if self.skip() != c:
            self.fail(f"expected '{c}'")
        self.pos += 1

    def string(self):
        quote = self.text[self.pos]
        end = self.text.find(quote, self.pos + 1)
        if end < 0 or '\n' in self.text[self.pos:end]:
            self.fail('string does not end on its line')
        value = self.text[self.pos + 1:end]
        if '\\' in value:
            self.fail('escapes are not needed in names')
        self.pos = end + 1
        return value

    def sequence(self, close, item):
        self.pos += 1
        if self.skip() == close:
            self.pos += 1
            return
        while True:
            item()
            c = self.skip()
            if c == close:
                self.pos += 1
                return
            if c != ',':
                self.fail(f"expected ',' or '{close}'")
            self.pos += 1

    def value(self):
        c = self.skip()
        if c == '{':
            result = {}

            def pair():
                if self.skip() not in '\'"':
                    self.fail('expected a name')
                key = self.string()
                if key in result:
                    self.fail(f"'{key}' is given twice")
                self.expect(':')
                result[key] = self.value()
            self.sequence('}', pair)
            return result
        if c == '[':
            items = []
            self.sequence(']', lambda: items.append(self.value()))
            return items
        if c and c in '\'"':
            return self.string()
        for word, result in (('true', True), ('false', False)):
            if self.text.startswith(word, self.pos):
                self.pos += len(word)
                return result
        return self.fail('expected an object, an array, a string, true or false')

    def entities(self):
        while self.skip():
            self.first = False
            doc, start = self.comment, self.pos
            expr = self.value()
            end, self.pos = self.pos, start
            if not isinstance(expr, dict):
                self.fail('expected an object')
            yield expr, doc, lambda message: self.fail(message)
            self.pos = end


# --- the model ---------------------------------------------------------------------------------------------

RESERVED = set('''auto break case char const continue default do double else enum extern float for goto if inline int
long register restrict return short signed sizeof static struct switch typedef union unsigned void volatile while bool
asm typeof errno unix linux not and or xor errp'''.split())

# name: (kind, C type, introspected name, JSON type)
BUILTINS = {
    'str': ('STR', 'char *', 'str', 'string'),
    'number': ('NUMBER', 'double', 'number', 'number'),
    'int': ('INT64', 'int64_t', 'int', 'int'),
    'int8': ('INT8', 'int8_t', 'int', 'int'),
    'int16': ('INT16', 'int16_t', 'int', 'int'),
    'int32': ('INT32', 'int32_t', 'int', 'int'),
    'int64': ('INT64', 'int64_t', 'int', 'int'),
    'uint8': ('UINT8', 'uint8_t', 'int', 'int'),
    'uint16': ('UINT16', 'uint16_t', 'int', 'int'),
    'uint32': ('UINT32', 'uint32_t', 'int', 'int'),
    'uint64': ('UINT64', 'uint64_t', 'int', 'int'),
    'size': ('UINT64', 'uint64_t', 'int', 'int'),
    'bool': ('BOOL', 'bool', 'bool', 'boolean'),
    'null': ('NULL', 'bool', 'null', 'null'),
    'any': ('ANY', 'json_object *', 'any', 'value'),
}
KEYS = {
    'enum': {'data', 'prefix', 'header', 'features'},
    'struct': {'data', 'base', 'features'},
    'union': {'data', 'base', 'discriminator', 'features'},
    'alternate': {'data', 'features'},
    'command': {'data', 'returns', 'allow-oob', 'allow-preconfig', 'gen', 'boxed', 'features'},
    'event': {'data', 'boxed', 'features'},
}


def c_name(name):
    ident = re.sub(r'[^A-Za-z0-9_]', '_', name)
    if ident in RESERVED or ident[0].isdigit():
        ident = 'q_' + ident
    return ident


def upper_name(camel):
    words = re.sub(r'([a-z0-9])([A-Z])', r'\1_\2', camel)
    words = re.sub(r'([A-Z]+)([A-Z][a-z])', r'\1_\2', words)
    return re.sub(r'[^A-Za-z0-9]', '_', words).upper()


class Type:
    def __init__(self, name, kind):
        self.name = name          # as introspected
        self.kind = kind
        self.c = name             # C type name without pointer
        self.members = []
        self.values = []
        self.tag = None
        self.variants = []        # (case, Type)
        self.element = None
        self.features = []
        self.visible = False
        self.doc = []
        self.index = None
        self.header = None
        self.prefix = None
        self.implicit = False
        self.json_type = None

    def is_object(self):
        return self.kind in ('STRUCT', 'UNION')

    def is_pointer(self):
        return self.kind in ('STRUCT', 'UNION', 'ALTERNATE', 'ARRAY', 'STR', 'ANY')

    def needs_has(self):
        """Whether 'absent' needs a flag of its own: pointers are NULL then, but an empty array is NULL, too."""
        return not self.is_pointer() or self.kind == 'ARRAY'

    def c_type(self):
        """How a value is held in a structure or passed to a function."""
        if self.name in BUILTINS:
            return BUILTINS[self.name][1]
        if self.kind == 'ENUM':
            return self.c + ' '
        return self.c + ' *'

    def decl(self, name):
        ctype = self.c_type()
        return ctype + name if ctype[-1] in '* ' else f'{ctype} {name}'


class Member:
    def __init__(self, name, type_, features):
        self.optional = name.startswith('*')
        self.name = name.lstrip('*')
        self.type = type_
        self.features = features
        self.c = c_name(self.name)

    def has(self):
        return self.optional and self.type.needs_has()


class Schema:
    def __init__(self, paths):
        self.types = {}
        self.commands = []
        self.events = []
        self.modules = []         # (stem, intro, [(meta, name, obj)])
        self.exprs = []
        self.names = {}
        for name, (kind, _, _, json_type) in BUILTINS.items():
            t = Type(name, kind)
            t.json_type = json_type
            self.types[name] = t
        self.empty = Type('q_empty', 'STRUCT')
        self.empty.implicit = True
        self.types['q_empty'] = self.empty
        for path in paths:
            self.load(path)
        self.resolve()
        self.mark_visible()

    def load(self, path):
        parser = Parser(path)
        entries = []
        for expr, doc, fail in parser.entities():
            meta = next((m for m in KEYS if m in expr), None)
            if not meta:
                fail('expected one of ' + ', '.join(KEYS))
            name = expr[meta]
            unknown = set(expr) - KEYS[meta] - {meta}
            if unknown:
                fail(f"{meta} '{name}' has unknown key '{sorted(unknown)[0]}'")
            if name in self.names or name in BUILTINS or name.endswith('List'):
                fail(f"name '{name}' is taken")
            pattern = {'command': r'[a-z][a-z0-9_-]*', 'event': r'[A-Z][A-Z0-9_]*'}.get(meta, r'[A-Z][A-Za-z0-9]*')
            if not re.fullmatch(pattern, name):
                fail(f"{meta} '{name}' is not spelt like one")
            self.names[name] = meta
            if meta not in ('command', 'event'):
                kind = meta.upper()
                t = Type(name, kind)
                t.doc, t.features = doc, expr.get('features', [])
                self.types[name] = t
            entries.append((meta, name))
            self.exprs.append((meta, name, expr, doc, fail))
        stem = os.path.splitext(os.path.basename(path))[0]
        self.modules.append((stem, parser.intro, entries))

    def lookup(self, spec, fail):
        if isinstance(spec, list):
            if len(spec) != 1:
                fail('an array type has exactly one element type')
            element = self.lookup(spec[0], fail)
            key = f'[{element.name}]'
            if key not in self.types:
                t = Type(f'[{BUILTINS.get(element.name, (0, 0, element.name))[2]}]', 'ARRAY')
                t.element, t.c = element, element.c + 'List'
                self.types[key] = t
                if t.name not in self.types:
                    self.lookup([BUILTINS[element.name][2]], fail)
            return self.types[key]
        if spec not in self.types:
            fail(f"type '{spec}' does not exist")
        return self.types[spec]

    def members(self, data, fail):
        result = []
        for name, spec in data.items():
            features = []
            if isinstance(spec, dict):
                features = spec.get('features', [])
                spec = spec['type']
            result.append(Member(name, self.lookup(spec, fail), features))
        return result

    def implicit(self, name, data, fail):
        t = Type(f'q_obj_{name}', 'STRUCT')
        t.c, t.implicit = c_name(t.name), True
        t.members = self.members(data, fail)
        self.types[t.name] = t
        return t

    def resolve(self):
        done = set()
        by_name = {name: (expr, fail) for meta, name, expr, _, fail in self.exprs if meta in ('struct', 'union')}

        def resolve_object(name):
            if name in done:
                return
            done.add(name)
            expr, fail = by_name[name]
            t = self.types[name]
            base = expr.get('base')
            if isinstance(base, str):
                if base not in by_name or 'struct' not in by_name[base][0]:
                    fail(f"base '{base}' is no struct")
                resolve_object(base)
                t.members += self.types[base].members
            elif base:
                t.members += self.members(base, fail)
            if t.kind == 'STRUCT':
                t.members += self.members(expr['data'], fail)
            else:
                t.tag = next((m for m in t.members if m.name == expr['discriminator']), None)
                if not t.tag or t.tag.type.kind != 'ENUM' or t.tag.optional:
                    fail(f"discriminator of '{name}' must be a mandatory enum member of its base")
                for case, spec in expr['data'].items():
                    variant = self.lookup(spec, fail)
                    if not variant.is_object():
                        fail(f"variant '{case}' of '{name}' must be a struct or union")
                    if variant.name in by_name:
                        resolve_object(variant.name)
                    clash = {m.name for m in t.members} & {m.name for m in variant.members}
                    if clash:
                        fail(f"member '{sorted(clash)[0]}' of variant '{case}' clashes with the base")
                    t.variants.append((case, variant))
            seen = set()
            for m in t.members:
                if m.c in seen:
                    fail(f"member '{m.name}' of '{name}' is given twice")
                seen.add(m.c)

        for meta, name, expr, doc, fail in self.exprs:
            if meta == 'enum':
                t = self.types[name]
                t.header, t.prefix = expr.get('header'), expr.get('prefix', upper_name(name))
                for v in expr['data']:
                    t.values.append((v['name'], v.get('features', [])) if isinstance(v, dict) else (v, []))
            elif meta == 'alternate':
                t = self.types[name]
                t.members = self.members(expr['data'], fail)
                kinds = [self.json_kind(m.type) for m in t.members]
                if len(set(kinds)) != len(kinds):
                    fail(f"branches of alternate '{name}' cannot be told apart by their JSON type")
        for name in by_name:
            resolve_object(name)
        for name in by_name:
            t, (_, fail) = self.types[name], by_name[name]
            for case, _ in t.variants:
                if case not in [v for v, _ in t.tag.type.values]:
                    fail(f"variant '{case}' of '{name}' is no value of '{t.tag.type.name}'")
        for meta, name, expr, doc, fail in self.exprs:
            if meta not in ('command', 'event'):
                continue
            data = expr.get('data', {})
            boxed = expr.get('boxed', False)
            if isinstance(data, str):
                arg = self.lookup(data, fail)
                if not arg.is_object():
                    fail(f"data of '{name}' must be a struct or union")
                if arg.kind == 'UNION' and not boxed and expr.get('gen', True):
                    fail(f"'{name}' takes a union: add 'boxed': true")
            elif data:
                arg = self.implicit(f'{name}-arg', data, fail)
            else:
                arg = self.empty
            entry = dict(name=name, arg=arg, boxed=boxed, features=expr.get('features', []), doc=doc,
                         oob=expr.get('allow-oob', False), preconfig=expr.get('allow-preconfig', False),
                         gen=expr.get('gen', True),
                         ret=self.lookup(expr['returns'], fail) if 'returns' in expr else None)
            (self.commands if meta == 'command' else self.events).append(entry)
        self.commands.sort(key=lambda c: c['name'])
        self.events.sort(key=lambda e: e['name'])
        for i, t in enumerate(self.types.values()):
            t.index = i

    @staticmethod
    def json_kind(t):
        if t.kind in ('STR', 'ENUM'):
            return 'string'
        if t.is_object():
            return 'object'
        if t.kind == 'ARRAY':
            return 'array'
        if t.kind in ('BOOL', 'NULL', 'ANY'):
            return t.kind
        return 'number'

    def mark_visible(self):
        def mark(t):
            if t.visible:
                return
            t.visible = True
            if t.name in BUILTINS and BUILTINS[t.name][2] != t.name:
                mark(self.types[BUILTINS[t.name][2]])
            elif t.kind == 'ARRAY' and self.types[t.name] is not t:
                t.visible = False
                mark(self.types[t.name])
                return
            for m in t.members:
                mark(m.type)
            for _, v in t.variants:
                mark(v)
            if t.kind == 'UNION':
                mark(self.empty)
            if t.element:
                mark(t.element)
        for c in self.commands:
            mark(c['arg'])
            mark(c['ret'] or self.empty)
        for e in self.events:
            mark(e['arg'])


# --- writing -----------------------------------------------------------------------------------------------

class Strings:
    """One pool of NUL-terminated strings; offset 0 is the empty string."""

    def __init__(self):
        self.offsets = {'': 0}
        self.items = ['']
        self.size = 1

    def add(self, s):
        if s not in self.offsets:
            self.offsets[s] = self.size
            self.items.append(s)
            self.size += len(s.encode()) + 1
        return self.offsets[s]

    def features(self, names):
        return self.add('\n'.join(names))


class Writer:
    def __init__(self, schema, prefix, outdir):
        self.s = schema
        self.prefix = prefix                     # "" or "test-"
        self.cprefix = c_name(prefix) if prefix else ''
        self.outdir = outdir
        self.table = f'{self.cprefix}qapi_schema'

    def emit(self, name, text):
        path = os.path.join(self.outdir, self.prefix + name)
        if os.path.exists(path):
            with open(path, encoding='utf-8') as f:
                if f.read() == text:
                    return
        with open(path, 'w', encoding='utf-8') as f:
            f.write(text)

    def head(self, what):
        return ('/* SPDX-License-Identifier: GPL-2.0-or-later */\n'
                f'/* {what}: written by scripts/qapi-gen.py from the schema; change that instead. */\n')

    def guarded(self, name, body):
        guard = re.sub(r'[^A-Z0-9]', '_', (self.prefix + name).upper())
        return f'#ifndef {guard}\n#define {guard}\n\n{body}\n#endif\n'

    # C types
    def fields(self, members):
        out = []
        for m in members:
            if m.has():
                out.append(f'    bool has_{m.c};')
            out.append(f'    {m.type.decl(m.c)};')
        return out

    def definition(self, t):
        out = [f'struct {t.c} {{']
        out += self.fields(t.members) if t.kind != 'ALTERNATE' else []
        if t.kind == 'UNION':
            out.append('    union {')
            out += [f'        {v.c} {c_name(case)};' for case, v in t.variants if v is not self.s.empty]
            out += ['        char unused_;', '    } u;']
        elif t.kind == 'ALTERNATE':
            out.append(f'    {t.c}Kind type;')
            out.append('    union {')
            out += [f'        {m.type.decl(m.c)};' for m in t.members]
            out.append('    } u;')
        elif t.kind == 'ARRAY':
            out += [f'    {t.c} *next;', f'    {t.element.decl("value")};']
        elif not t.members:
            out.append('    char unused_;')
        return out + ['};', '']

    def types_h(self):
        user = [t for t in self.s.types.values() if t.name not in BUILTINS and t is not self.s.empty]
        out = [self.head('Types of the QMP schema'), '#include "qapi/qapi-core.h"']
        out += sorted({f'#include "{t.header}"' for t in user if t.header}) + ['']
        out += [f'extern const QapiSchema {self.table};', '']
        for t in user:
            if t.kind == 'ENUM' and not t.header:
                out.append(f'typedef enum {t.c} {{')
                out += [f'    {self.enumerator(t, v)},' for v, _ in t.values]
                out += [f'    {t.prefix}__MAX,', f'}} {t.c};']
            if t.kind == 'ENUM':
                out += ['/* The QMP spelling of a value, and back (-1 with errp). */',
                        f'static inline const char *{t.c}_str({t.c} v)', '{',
                        f'    return qapi_enum_str(&{self.table}, {t.index}, (int)v);', '}',
                        f'static inline int {t.c}_parse(const char *s, GError **errp)', '{',
                        f'    return qapi_enum_parse(&{self.table}, {t.index}, s, errp);', '}', '']
        boxes = [t for t in user if t.is_pointer()]
        out += [f'typedef struct {t.c} {t.c};' for t in boxes] + ['']
        for t in boxes:
            if t.kind == 'ALTERNATE':
                out.append(f'typedef enum {t.c}Kind {{')
                out += [f'    {upper_name(t.c)}_KIND_{upper_name(m.name)},' for m in t.members]
                out += [f'}} {t.c}Kind;', '']
        done = set()

        def define(t):
            if t.c in done or t is self.s.empty:
                return
            done.add(t.c)
            for _, v in t.variants:
                define(v)
            out.extend(self.definition(t))
        for t in boxes:
            define(t)
        for t in boxes:
            out += [f'static inline void qapi_free_{t.c}({t.c} *p)', '{',
                    f'    qapi_free(&{self.table}, {t.index}, p);', '}',
                    f'G_DEFINE_AUTOPTR_CLEANUP_FUNC({t.c}, qapi_free_{t.c})',
                    '/* New JSON for a value; and a value from JSON (NULL with errp). */',
                    f'static inline json_object *{t.c}_to_json({t.c} *p)', '{',
                    f'    return qapi_to_json(&{self.table}, {t.index}, &p);', '}',
                    f'static inline {t.c} *{t.c}_from_json(json_object *j, GError **errp)', '{',
                    f'    {t.c} *p = NULL;',
                    f'    qapi_from_json(&{self.table}, {t.index}, j, &p, errp);', '    return p;', '}', '']
        self.emit('qapi-types.h', self.guarded('qapi-types.h', '\n'.join(out)))

    @staticmethod
    def enumerator(t, value):
        return f'{t.prefix}_' + re.sub(r'[^A-Za-z0-9]', '_', value).upper()

    # tables
    def tables_c(self):
        pool, members, variants, values, rows, asserts = Strings(), [], [], [], [], []
        for t in self.s.types.values():
            name = pool.add(t.name)
            first = first_variant = tag = element = 0
            count, size = 0, '0'
            if t.kind == 'ENUM':
                first, count = len(values), len(t.values)
                for i, (v, features) in enumerate(t.values):
                    values.append(f'    {{{pool.add(v)}, {pool.features(features)}}},')
                    if t.header:
                        asserts.append(f'G_STATIC_ASSERT({self.enumerator(t, v)} == {i});')
                size = f'sizeof({t.c})'
            elif t.kind == 'ARRAY':
                element, size = t.element.index, f'sizeof({t.c})'
                first = f'offsetof({t.c}, value)'
            elif t is not self.s.empty and t.name not in BUILTINS:
                first, count, size = len(members), len(t.members), f'sizeof({t.c})'
                for i, m in enumerate(t.members):
                    where = f'u.{m.c}' if t.kind == 'ALTERNATE' else m.c
                    has = f'offsetof({t.c}, has_{m.c})' if m.has() else '0'
                    flags = ('QAPI_OPTIONAL' if m.optional else '0') + (' | QAPI_HAS' if m.has() else '')
                    members.append(f'    {{{pool.add(m.name)}, {pool.features(m.features)}, offsetof({t.c}, {where}), '
                                   f'{has}, {m.type.index}, {flags}}},')
                    if m is t.tag:
                        tag = i
                first_variant = len(variants)
                for case, v in t.variants:
                    number = [n for n, _ in t.tag.type.values].index(case)
                    variants.append(f'    {{offsetof({t.c}, u), {v.index}, {number}}},')
            flags = ('QAPI_VISIBLE' if t.visible else '0')
            if t.kind == 'UNION':
                element = f'{len(t.variants)}'
            rows.append(f'    {{{name}, {pool.features(t.features)}, {first}, {size}, QAPI_KIND_{t.kind}, {flags}, '
                        f'{count}, {element}, {tag}, {first_variant}}}, /* {t.index}: {t.name} */')
        events = [f'    {{{pool.add(e["name"])}, {pool.features(e["features"])}, {e["arg"].index}}},'
                  for e in self.s.events]
        infos = []
        for c in self.s.commands:
            flags = ' | '.join(f for f, on in (('QAPI_CMD_OOB', c['oob']), ('QAPI_CMD_PRECONFIG', c['preconfig']),
                                               ('QAPI_CMD_RAW', not c['gen'])) if on) or '0'
            ret = c['ret'] or self.s.empty
            infos.append(f'    {{{pool.add(c["name"])}, {pool.features(c["features"])}, {c["arg"].index}, {ret.index}, {flags}}},')

        def array(ctype, name, lines):
            return [f'static const {ctype} {name}[] = {{'] + (lines or ['    {0},']) + ['};', '']
        quoted = ['    "' + s.replace('\\', '\\\\').replace('"', '\\"').replace('\n', '\\n') + '\\0"' for s in pool.items]
        out = [self.head('Tables of the QMP schema'), '#include "qemu/osdep.h"', f'#include "qapi/{self.prefix}qapi-types.h"', '']
        out += ['static const char strings[] ='] + quoted[:-1] + [quoted[-1] + ';', '']
        out += asserts + ['']
        out += array('QapiEnumValue', 'values', values) + array('QapiMember', 'members', members)
        out += array('QapiVariant', 'variants', variants) + array('QapiType', 'types', rows)
        out += array('QapiEventInfo', 'events', events) + array('QapiCommandInfo', 'commands', infos)
        out += [f'const QapiSchema {self.table} = {{', '    .strings = strings,', '    .types = types,', '    .members = members,',
                '    .variants = variants,', '    .values = values,', '    .events = events,', '    .commands = commands,',
                f'    .empty = {self.s.empty.index},', f'    .n_types = {len(rows)},', f'    .n_events = {len(events)},', f'    .n_commands = {len(infos)},', '};', '']
        text = '\n'.join(out)
        if self.prefix:
            text = text.replace('"qapi/' + self.prefix, '"' + self.prefix)
        self.emit('qapi-tables.c', text)

    # commands
    @staticmethod
    def parameters(entry):
        if entry['boxed']:
            return [f'{entry["arg"].c} *arg']
        out = []
        for m in entry['arg'].members:
            if m.has():
                out.append(f'bool has_{m.c}')
            text = m.type.decl(m.c)
            out.append('const ' + text if m.type.kind == 'STR' else text)
        return out

    def prototype(self, c):
        if not c['gen']:
            return f'void qmp_{c_name(c["name"])}(json_object *args, json_object **ret, GError **errp)'
        params = ', '.join(self.parameters(c) + ['GError **errp'])
        ret = c['ret'].c_type() if c['ret'] else 'void'
        ret = ret if ret[-1] in '* ' else ret + ' '
        return f'{ret}qmp_{c_name(c["name"])}({params})'

    def include(self, name):
        return f'#include "{self.prefix}{name}"' if self.prefix else f'#include "qapi/{name}"'

    def commands(self):
        out = [self.head('Functions that implement the QMP commands'), self.include('qapi-types.h'), '',
               '/* Each is called in the main loop (allow-oob ones in any thread) and fails by setting *errp, which is never NULL.',
               ' * Arguments stay the caller\'s; the result becomes the caller\'s and is freed after it was sent. */']
        out += [self.prototype(c) + ';' for c in self.s.commands]
        out += ['', f'extern QapiCommandFn *const {self.cprefix}qapi_commands[];', '']
        self.emit('qapi-commands.h', self.guarded('qapi-commands.h', '\n'.join(out)))
        out = [self.head('Dispatch of the QMP commands'), '#include "qemu/osdep.h"', self.include('qapi-commands.h'), '']
        for c in self.s.commands:
            name, arg = c_name(c['name']), c['arg']
            out += [f'static void call_{name}(void *args, void *ret, GError **errp)', '{']
            if not c['gen']:
                out += [f'    qmp_{name}(args, ret, errp);', '}', '']
                continue
            if c['boxed']:
                actual = ['args']
            else:
                if arg.members:
                    out.append(f'    {arg.c} *a = args;')
                actual = []
                for m in arg.members:
                    actual += [f'a->has_{m.c}'] if m.has() else []
                    actual.append(f'a->{m.c}')
            call = f'qmp_{name}({", ".join(actual + ["errp"])})'
            if c['ret']:
                decl = c['ret'].c_type().rstrip()
                out.append(f'    *({decl}{"*" if decl.endswith("*") else " *"})ret = {call};')
            else:
                out.append(f'    {call};')
            out += ['}', '']
        out.append('/* In the order of the schema\'s table of commands. */')
        out.append(f'QapiCommandFn *const {self.cprefix}qapi_commands[] = {{')
        out += [f'    call_{c_name(c["name"])},' for c in self.s.commands] + ['    NULL,', '};', '']
        self.emit('qapi-commands.c', '\n'.join(out))

    # events
    def event_prototype(self, e):
        params = ', '.join(self.parameters(e)) or 'void'
        return f'void qapi_event_send_{c_name(e["name"].lower())}({params})'

    def events(self):
        out = [self.head('Events'), self.include('qapi-types.h'), '',
               '/* Each may be called from any thread; the event reaches the monitors in the main loop. */']
        out += [self.event_prototype(e) + ';' for e in self.s.events] + ['']
        self.emit('qapi-events.h', self.guarded('qapi-events.h', '\n'.join(out)))
        out = [self.head('Events'), '#include "qemu/osdep.h"', self.include('qapi-events.h'), '#include "monitor/monitor.h"', '']
        for e in self.s.events:
            out += [self.event_prototype(e), '{']
            arg, data = e['arg'], 'NULL'
            if e['boxed']:
                data = f'qapi_to_json(&{self.table}, {arg.index}, &arg)'
            elif arg.members:
                out.append(f'    {arg.c} data = {{')
                for m in arg.members:
                    out += [f'        .has_{m.c} = has_{m.c},'] if m.has() else []
                    cast = '(char *)(uintptr_t)' if m.type.kind == 'STR' else ''
                    out.append(f'        .{m.c} = {cast}{m.c},')
                out += ['    };', f'    {arg.c} *p = &data;', '']
                data = f'qapi_to_json(&{self.table}, {arg.index}, &p)'
            out += [f'    qapi_event_emit("{e["name"]}", {data});', '}', '']
        self.emit('qapi-events.c', '\n'.join(out))

    # manual
    def manual(self):
        out = ['QMP reference manual', '====================', '',
               'Written by scripts/qapi-gen.py from the schema files in qapi/.', '']

        def type_text(t):
            return f'array of {type_text(t.element)}' if t.element else f'``{t.name}``'

        def rows(members, docs):
            for m in members:
                text = f'``{m.name}`` : {type_text(m.type)}' + (' (optional)' if m.optional else '')
                out.append(text)
                out.append('    ' + (docs.get(m.name) or 'See the type.'))
            if members:
                out.append('')

        def split(doc):
            text, docs, current = [], {}, None
            for line in doc:
                match = re.match(r'@([A-Za-z0-9_-]+):\s*(.*)', line)
                if match:
                    current = match.group(1)
                    docs[current] = match.group(2)
                elif current and line.strip():
                    docs[current] += ' ' + line.strip()
                elif not line.strip():
                    current = None
                    text.append('')
                else:
                    text.append(line)
            return text, docs
        entries = {('command', c['name']): c for c in self.s.commands}
        entries.update({('event', e['name']): e for e in self.s.events})
        for stem, intro, names in self.s.modules:
            title = intro[0].lstrip('= ') if intro else stem
            out += [title, '-' * len(title), ''] + intro[1:] + ['']
            for meta, name in names:
                obj = entries.get((meta, name)) or self.s.types[name]
                doc = obj['doc'] if isinstance(obj, dict) else obj.doc
                heading = f'{name} ({meta})'
                text, docs = split(doc)
                out += [heading, '~' * len(heading), ''] + text + ['']
                if isinstance(obj, dict):
                    rows(obj['arg'].members, docs)
                    if not obj['arg'].implicit:
                        out += [f'Arguments: the members of ``{obj["arg"].name}``.', '']
                    if obj['ret']:
                        out += [f'Returns: {type_text(obj["ret"])}.', '']
                    if obj['oob']:
                        out += ['May be executed out of band.', '']
                elif meta == 'enum':
                    for v, _ in obj.values:
                        out += [f'``{v}``', '    ' + (docs.get(v) or 'No further description.')]
                    out.append('')
                else:
                    rows(obj.members, docs)
                    for case, v in obj.variants:
                        out += [f'When ``{obj.tag.name}`` is ``{case}``: the members of ``{v.name}``.', '']
        self.emit('qmp-reference.rst', '\n'.join(out) + '\n')


def main():
    ap = argparse.ArgumentParser(description=__doc__)
    ap.add_argument('--prefix', default='', help='prefix of all outputs, such as "test-"')
    ap.add_argument('--outdir', default='.')
    ap.add_argument('schema', nargs='+')
    args = ap.parse_args()
    try:
        schema = Schema(args.schema)
    except (SchemaError, OSError) as e:
        print(f'qapi-gen.py: {e}', file=sys.stderr)
        return 1
    w = Writer(schema, args.prefix, args.outdir)
    w.types_h()
    w.tables_c()
    w.commands()
    w.events()
    w.manual()
    return 0


if __name__ == '__main__':
    sys.exit(main())
