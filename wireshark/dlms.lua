-- DLMS/COSEM for Wireshark and tshark: the wrapper of TCP and UDP (IEC 62056-4-7), HDLC (IEC 62056-46), and the APDUs inside
-- (IEC 62056-5-3). It deciphers nothing: `ferraris explain` does, with keys.
--
-- Use:  tshark -X lua_script:wireshark/dlms.lua -r trace.pcapng
--       or copy it into Wireshark's folder of personal Lua plug-ins.
-- Ports are preferences of the protocols `dlms_wrapper` (TCP and UDP 4059) and `dlms_hdlc` (TCP 4060).

local wrapper = Proto("dlms_wrapper", "DLMS wrapper")
local hdlc = Proto("dlms_hdlc", "DLMS HDLC")
local cosem = Proto("dlms", "DLMS/COSEM")

wrapper.prefs.port = Pref.uint("Port", 4059, "TCP and UDP port of the wrapper")
hdlc.prefs.port = Pref.uint("Port", 4060, "TCP port of HDLC behind a serial server")

---------------------------------------------------------------------------------------------------
-- Names

local APDU = {
  [0x01] = "initiate-request", [0x08] = "initiate-response", [0x0E] = "confirmed-service-error",
  [0x0F] = "data-notification", [0x10] = "data-notification-confirm",
  [0x21] = "glo-initiate-request", [0x28] = "glo-initiate-response", [0x2E] = "glo-confirmed-service-error",
  [0x60] = "AARQ", [0x61] = "AARE", [0x62] = "RLRQ", [0x63] = "RLRE",
  [0xC0] = "get-request", [0xC1] = "set-request", [0xC2] = "event-notification", [0xC3] = "action-request",
  [0xC4] = "get-response", [0xC5] = "set-response", [0xC7] = "action-response",
  [0xC8] = "glo-get-request", [0xC9] = "glo-set-request", [0xCA] = "glo-event-notification", [0xCB] = "glo-action-request",
  [0xCC] = "glo-get-response", [0xCD] = "glo-set-response", [0xCF] = "glo-action-response",
  [0xD0] = "ded-get-request", [0xD1] = "ded-set-request", [0xD2] = "ded-event-notification", [0xD3] = "ded-action-request",
  [0xD4] = "ded-get-response", [0xD5] = "ded-set-response", [0xD7] = "ded-action-response",
  [0xD8] = "exception-response", [0xD9] = "access-request", [0xDA] = "access-response",
  [0xDB] = "general-glo-ciphering", [0xDC] = "general-ded-ciphering", [0xDD] = "general-ciphering",
  [0xDF] = "general-signing", [0xE0] = "general-block-transfer", [0xE6] = "gateway-request", [0xE7] = "gateway-response",
}
local FORM = {
  [0xC0] = { "normal", "next", "with-list" },
  [0xC1] = { "normal", "first-data-block", "with-data-block", "with-list", "with-list-and-first-data-block" },
  [0xC3] = { "normal", "next-pblock", "with-list", "first-pblock", "with-list-and-first-pblock", "with-pblock" },
  [0xC4] = { "normal", "with-data-block", "with-list" },
  [0xC5] = { "normal", "data-block", "last-data-block", "last-data-block-with-list", "with-list" },
  [0xC7] = { "normal", "with-pblock", "with-list", "next-pblock" },
}
local RESULT = {
  [0] = "success", [1] = "hardware-fault", [2] = "temporary-failure", [3] = "read-write-denied", [4] = "object-undefined",
  [9] = "object-class-inconsistent", [11] = "object-unavailable", [12] = "type-unmatched", [13] = "scope-of-access-violated",
  [14] = "data-block-unavailable", [15] = "long-get-aborted", [16] = "no-long-get-in-progress", [17] = "long-set-aborted",
  [18] = "no-long-set-in-progress", [19] = "data-block-number-invalid", [250] = "other-reason",
}
local TYPE = {
  [0] = "null-data", [1] = "array", [2] = "structure", [3] = "boolean", [4] = "bit-string", [5] = "double-long",
  [6] = "double-long-unsigned", [9] = "octet-string", [10] = "visible-string", [12] = "utf8-string", [13] = "bcd", [15] = "integer",
  [16] = "long", [17] = "unsigned", [18] = "long-unsigned", [19] = "compact-array", [20] = "long64", [21] = "long64-unsigned",
  [22] = "enum", [23] = "float32", [24] = "float64", [25] = "date-time", [26] = "date", [27] = "time", [28] = "delta-integer",
  [29] = "delta-long", [30] = "delta-double-long", [31] = "delta-unsigned", [32] = "delta-long-unsigned",
  [33] = "delta-double-long-unsigned", [255] = "dont-care",
}
-- Octets of the types of fixed size.
local SIZE = {
  [0] = 0, [3] = 1, [5] = 4, [6] = 4, [13] = 1, [15] = 1, [16] = 2, [17] = 1, [18] = 2, [20] = 8, [21] = 8, [22] = 1, [23] = 4,
  [24] = 8, [25] = 12, [26] = 5, [27] = 4, [28] = 1, [29] = 2, [30] = 4, [31] = 1, [32] = 2, [33] = 4, [255] = 0,
}
local MECHANISM = { [0] = "none", "LLS", "HLS", "HLS MD5", "HLS SHA-1", "HLS GMAC", "HLS SHA-256", "HLS ECDSA" }
local CONTEXT = { "logical names", "short names", "logical names, ciphering", "short names, ciphering" }

---------------------------------------------------------------------------------------------------
-- Fields

local f = {
  w_version = ProtoField.uint16("dlms_wrapper.version", "Version"),
  w_source = ProtoField.uint16("dlms_wrapper.source", "Source"),
  w_destination = ProtoField.uint16("dlms_wrapper.destination", "Destination"),
  w_length = ProtoField.uint16("dlms_wrapper.length", "Length"),

  h_format = ProtoField.uint16("dlms_hdlc.format", "Format", base.HEX),
  h_segmented = ProtoField.bool("dlms_hdlc.segmented", "Segmented"),
  h_destination = ProtoField.string("dlms_hdlc.destination", "Destination"),
  h_source = ProtoField.string("dlms_hdlc.source", "Source"),
  h_control = ProtoField.string("dlms_hdlc.control", "Control"),
  h_check = ProtoField.bytes("dlms_hdlc.check", "Frame check"),
  h_good = ProtoField.bool("dlms_hdlc.check.good", "Frame check is right"),

  tag = ProtoField.uint8("dlms.apdu", "APDU", base.HEX, APDU),
  form = ProtoField.string("dlms.form", "Form"),
  invoke = ProtoField.uint8("dlms.invoke_id", "Invoke id and priority", base.HEX),
  long_invoke = ProtoField.uint32("dlms.long_invoke_id", "Long invoke id and priority", base.HEX),
  class = ProtoField.uint16("dlms.class", "Class"),
  name = ProtoField.string("dlms.logical_name", "Logical name"),
  attribute = ProtoField.int8("dlms.attribute", "Attribute"),
  method = ProtoField.int8("dlms.method", "Method"),
  result = ProtoField.uint8("dlms.result", "Result", base.DEC, RESULT),
  block = ProtoField.uint32("dlms.block_number", "Block number"),
  last = ProtoField.bool("dlms.last_block", "Last block"),
  raw = ProtoField.bytes("dlms.raw_data", "Raw data"),
  data = ProtoField.string("dlms.data", "Data"),
  selector = ProtoField.uint8("dlms.selector", "Access selector"),
  time = ProtoField.bytes("dlms.time", "Date-time"),

  title = ProtoField.bytes("dlms.system_title", "System title"),
  control = ProtoField.uint8("dlms.security_control", "Security control", base.HEX),
  suite = ProtoField.uint8("dlms.security_suite", "Suite", base.DEC, nil, 0x0F),
  authenticated = ProtoField.bool("dlms.authenticated", "Authenticated", 8, nil, 0x10),
  encrypted = ProtoField.bool("dlms.encrypted", "Encrypted", 8, nil, 0x20),
  broadcast = ProtoField.bool("dlms.broadcast_key", "Broadcast key", 8, nil, 0x40),
  compressed = ProtoField.bool("dlms.compressed", "Compressed", 8, nil, 0x80),
  counter = ProtoField.uint32("dlms.invocation_counter", "Invocation counter"),
  ciphered = ProtoField.bytes("dlms.ciphered", "Ciphered"),

  context = ProtoField.uint8("dlms.context", "Application context", base.DEC, CONTEXT),
  mechanism = ProtoField.uint8("dlms.mechanism", "Mechanism", base.DEC, MECHANISM),
  outcome = ProtoField.uint8("dlms.association_result", "Association result", base.DEC,
    { [0] = "accepted", [1] = "rejected-permanent", [2] = "rejected-transient" }),
  diagnostic = ProtoField.uint8("dlms.diagnostic", "Diagnostic"),
  authentication = ProtoField.bytes("dlms.authentication_value", "Authentication value"),
  conformance = ProtoField.uint24("dlms.conformance", "Conformance", base.HEX),
  pdu_size = ProtoField.uint16("dlms.max_receive_pdu_size", "Max receive PDU size"),
  state_error = ProtoField.uint8("dlms.state_error", "State error", base.DEC,
    { [1] = "service-not-allowed", [2] = "service-unknown" }),
  service_error = ProtoField.uint8("dlms.service_error", "Service error", base.DEC,
    { [1] = "operation-not-possible", [2] = "service-not-supported", [3] = "other-reason", [4] = "pdu-too-long",
      [5] = "deciphering-error", [6] = "invocation-counter-error" }),
  window = ProtoField.uint8("dlms.gbt.window", "Window", base.DEC, nil, 0x3F),
  streaming = ProtoField.bool("dlms.gbt.streaming", "Streaming", 8, nil, 0x40),
  final = ProtoField.bool("dlms.gbt.last", "Last block", 8, nil, 0x80),
  gbt_number = ProtoField.uint16("dlms.gbt.block_number", "Block number"),
  gbt_ack = ProtoField.uint16("dlms.gbt.block_number_ack", "Block number acknowledged"),
}
wrapper.fields = { f.w_version, f.w_source, f.w_destination, f.w_length }
hdlc.fields = { f.h_format, f.h_segmented, f.h_destination, f.h_source, f.h_control, f.h_check, f.h_good }
local cosem_fields = {}
for key, field in pairs(f) do
  if not key:match("^[wh]_") then cosem_fields[#cosem_fields + 1] = field end
end
cosem.fields = cosem_fields

local malformed = ProtoExpert.new("dlms.malformed", "Malformed", expert.group.MALFORMED, expert.severity.ERROR)
cosem.experts = { malformed }
local bad_check = ProtoExpert.new("dlms_hdlc.check.bad", "Frame check is wrong", expert.group.CHECKSUM, expert.severity.ERROR)
hdlc.experts = { bad_check }

---------------------------------------------------------------------------------------------------
-- A reader over a Tvb range. Beyond the end it raises an error, which the dissector shows.

local Reader = {}
Reader.__index = Reader

local function reader(range)
  return setmetatable({ range = range, at = 0 }, Reader)
end

function Reader:left() return self.range:len() - self.at end

function Reader:take(count)
  if count > self:left() then error({ malformed = "octets are missing at " .. self.at }) end
  if count == 0 then return nil end
  local taken = self.range(self.at, count)
  self.at = self.at + count
  return taken
end

function Reader:peek() return self:left() > 0 and self.range(self.at, 1):uint() or nil end
function Reader:u8() return self:take(1):uint() end

function Reader:length()
  local first = self:u8()
  if first < 0x80 then return first end
  local count = first - 0x80
  if count < 1 or count > 4 then error({ malformed = "no length at " .. self.at }) end
  return self:take(count):uint()
end

---------------------------------------------------------------------------------------------------
-- Data

local function logical_name(range)
  local b = range:bytes()
  return string.format("%d-%d:%d.%d.%d.%d", b:get_index(0), b:get_index(1), b:get_index(2), b:get_index(3), b:get_index(4), b:get_index(5))
end

local data

local function list(r, tree, start, name, count, depth)
  local branch = tree:add(f.data, r.range(start, 1), name .. ", " .. count .. " elements")
  for _ = 1, count do data(r, branch, depth + 1) end
  branch:set_len(r.at - start)
end

function data(r, tree, depth)
  if depth > 32 then error({ malformed = "nested too deep" }) end
  local start = r.at
  local tag = r:u8()
  local name = TYPE[tag]
  if not name then error({ malformed = string.format("%02X at %d is no data type", tag, start) }) end
  if tag == 1 or tag == 2 then return list(r, tree, start, name, r:length(), depth) end
  local octets
  if SIZE[tag] then
    octets = r:take(SIZE[tag])
  elseif tag == 4 then
    octets = r:take(math.floor((r:length() + 7) / 8))
  elseif tag == 0x13 then
    octets = r:take(r:left())
  else
    octets = r:take(r:length())
  end
  local value = ""
  if octets then
    if tag == 3 or tag == 17 or tag == 18 or tag == 6 or tag == 22 then value = ": " .. octets:uint()
    elseif tag == 15 or tag == 16 or tag == 5 then value = ": " .. octets:int()
    elseif tag == 20 then value = ": " .. tostring(octets:int64())
    elseif tag == 21 then value = ": " .. tostring(octets:uint64())
    elseif tag == 10 or tag == 12 then value = ": " .. octets:string()
    elseif tag == 23 or tag == 24 then value = ": " .. octets:float()
    else value = ": " .. octets:bytes():tohex() end
    if tag == 9 and octets:len() == 6 then value = value .. " (" .. logical_name(octets) .. ")" end
  end
  tree:add(f.data, r.range(start, r.at - start), name .. value)
end

---------------------------------------------------------------------------------------------------
-- Services

local function descriptor(r, tree, number)
  tree:add(f.class, r:take(2))
  local name = r:take(6)
  local text = logical_name(name)
  tree:add(f.name, name, text)
  local at = r:take(1)
  tree:add(number, at)
  return text .. " " .. at:int()
end

local function selection(r, tree)
  if r:u8() == 1 then
    tree:add(f.selector, r:take(1))
    data(r, tree, 0)
  end
end

local function data_or_result(r, tree)
  if r:u8() == 0 then data(r, tree, 0) else tree:add(f.result, r:take(1)) end
end

local function many(r, each) for _ = 1, r:length() do each() end end

local function block(r, tree)
  tree:add(f.last, r:take(1))
  tree:add(f.block, r:take(4))
  local octets = r:take(r:length())
  if octets then tree:add(f.raw, octets) end
end

local function octet_string(r, tree, field)
  local octets = r:take(r:length())
  if octets then tree:add(field, octets) end
end

local service = {}

service[0xC0] = function(r, tree, form)
  if form == 1 then local what = descriptor(r, tree, f.attribute) selection(r, tree) return what end
  if form == 2 then tree:add(f.block, r:take(4)) return end
  many(r, function() descriptor(r, tree, f.attribute) selection(r, tree) end)
end
service[0xC1] = function(r, tree, form)
  if form == 3 then return block(r, tree) end
  if form == 1 or form == 2 then
    local what = descriptor(r, tree, f.attribute)
    selection(r, tree)
    if form == 1 then data(r, tree, 0) else block(r, tree) end
    return what
  end
  many(r, function() descriptor(r, tree, f.attribute) selection(r, tree) end)
  if form == 4 then many(r, function() data(r, tree, 0) end) else block(r, tree) end
end
service[0xC3] = function(r, tree, form)
  if form == 2 then tree:add(f.block, r:take(4)) return end
  if form == 6 then return block(r, tree) end
  if form == 1 or form == 4 then
    local what = descriptor(r, tree, f.method)
    if form == 4 then block(r, tree) elseif r:u8() == 1 then data(r, tree, 0) end
    return what
  end
  many(r, function() descriptor(r, tree, f.method) end)
  if form == 3 then many(r, function() data(r, tree, 0) end) else block(r, tree) end
end
service[0xC4] = function(r, tree, form)
  if form == 1 then return data_or_result(r, tree) end
  if form == 3 then return many(r, function() data_or_result(r, tree) end) end
  tree:add(f.last, r:take(1))
  tree:add(f.block, r:take(4))
  if r:u8() == 0 then octet_string(r, tree, f.raw) else tree:add(f.result, r:take(1)) end
end
service[0xC5] = function(r, tree, form)
  if form == 1 or form == 3 then tree:add(f.result, r:take(1)) end
  if form == 4 or form == 5 then many(r, function() tree:add(f.result, r:take(1)) end) end
  if form == 2 or form == 3 or form == 4 then tree:add(f.block, r:take(4)) end
end
service[0xC7] = function(r, tree, form)
  local single = function()
    tree:add(f.result, r:take(1))
    if r:u8() == 1 then data_or_result(r, tree) end
  end
  if form == 1 then return single() end
  if form == 2 then return block(r, tree) end
  if form == 3 then return many(r, single) end
  tree:add(f.block, r:take(4))
end

local function protected(r, tree)
  local length = r:length()
  local inner = reader(r:take(length))
  local control = inner:take(1)
  local branch = tree:add(f.control, control)
  branch:add(f.suite, control)
  branch:add(f.authenticated, control)
  branch:add(f.encrypted, control)
  branch:add(f.broadcast, control)
  branch:add(f.compressed, control)
  tree:add(f.counter, inner:take(4))
  local rest = inner:take(inner:left())
  if rest then tree:add(f.ciphered, rest) end
end

local dissect_apdu

local function initiate(r, tree, tag)
  if tag == 0x01 then
    if r:u8() == 1 then r:take(r:length()) end -- dedicated key: not shown
    if r:u8() == 1 then r:take(1) end
  end
  if r:u8() == 1 then r:take(1) end
  r:take(1)
  r:take(1)
  if r:peek() == 0x1F then r:take(1) end
  r:take(2)
  tree:add(f.conformance, r:take(3))
  tree:add(f.pdu_size, r:take(2))
  if tag == 0x08 then r:take(2) end
end

local function association(r, tree, pinfo)
  local inner = reader(r:take(r:length()) or r.range(0, 0))
  while inner:left() > 0 do
    local tag = inner:u8()
    local content = inner:take(inner:length())
    if content then
      local last = content(content:len() - 1, 1)
      if tag == 0xA1 then tree:add(f.context, last)
      elseif tag == 0xA2 then tree:add(f.outcome, last)
      elseif tag == 0xA3 then tree:add(f.diagnostic, last)
      elseif (tag == 0xA4 or tag == 0xA6) and content:len() > 2 then tree:add(f.title, content(2))
      elseif tag == 0x8B or tag == 0x89 then tree:add(f.mechanism, last)
      elseif (tag == 0xAC or tag == 0xAA) and content:len() > 2 then tree:add(f.authentication, content(2))
      elseif tag == 0xBE and content:len() > 2 then
        local information = reader(content)
        information:u8()
        local apdu = information:take(information:length())
        if apdu then dissect_apdu(apdu, tree, pinfo, true) end
      end
    end
  end
end

local function access(r, tree, tag)
  tree:add(f.long_invoke, r:take(4))
  octet_string(r, tree, f.time)
  local specifications = function()
    many(r, function()
      local kind = r:u8()
      descriptor(r, tree, kind == 3 and f.method or f.attribute)
      if kind > 3 then tree:add(f.selector, r:take(1)) data(r, tree, 0) end
    end)
  end
  if tag == 0xD9 then specifications() elseif r:u8() == 1 then specifications() end
  many(r, function() data(r, tree, 0) end)
  if tag == 0xDA then many(r, function() r:u8() tree:add(f.result, r:take(1)) end) end
end

local function body(r, tree, pinfo, tag)
  if service[tag] then
    local form = r:take(1)
    local name = FORM[tag][form:uint()]
    if not name then error({ malformed = "no such form" }) end
    tree:add(f.form, form, name)
    tree:add(f.invoke, r:take(1))
    local what = service[tag](r, tree, form:uint())
    return name .. (what and " " .. what or "")
  end
  if tag == 0x01 or tag == 0x08 then return initiate(r, tree, tag) end
  if tag >= 0x60 and tag <= 0x63 then return association(r, tree, pinfo) end
  if tag == 0x0E then r:take(3) return end
  if tag == 0x0F or tag == 0x10 then
    tree:add(f.long_invoke, r:take(4))
    octet_string(r, tree, f.time)
    if tag == 0x0F then data(r, tree, 0) end
    return
  end
  if tag == 0xC2 then
    if r:u8() == 1 then octet_string(r, tree, f.time) end
    descriptor(r, tree, f.attribute)
    return data(r, tree, 0)
  end
  if tag == 0xD8 then
    tree:add(f.state_error, r:take(1))
    tree:add(f.service_error, r:take(1))
    if r:left() >= 4 then tree:add(f.counter, r:take(4)) end
    return
  end
  if tag == 0xD9 or tag == 0xDA then return access(r, tree, tag) end
  if tag == 0xDB or tag == 0xDC then octet_string(r, tree, f.title) return protected(r, tree) end
  if tag == 0xDD or tag == 0xDF then
    r:take(r:length())
    octet_string(r, tree, f.title)
    octet_string(r, tree, f.title)
    octet_string(r, tree, f.time)
    r:take(r:length())
    if tag == 0xDF then
      local content = r:take(r:length())
      if content then dissect_apdu(content, tree, pinfo, true) end
      r:take(r:length())
      return
    end
    if r:u8() == 1 then
      local kind = r:u8()
      if kind == 0 then r:take(1) elseif kind == 1 then r:take(1) r:take(r:length()) else r:take(r:length()) r:take(r:length()) end
    end
    return protected(r, tree)
  end
  if tag == 0xE0 then
    local control = r:take(1)
    tree:add(f.window, control)
    tree:add(f.streaming, control)
    tree:add(f.final, control)
    tree:add(f.gbt_number, r:take(2))
    tree:add(f.gbt_ack, r:take(2))
    return octet_string(r, tree, f.raw)
  end
  if tag == 0xE6 or tag == 0xE7 then
    r:take(1)
    r:take(r:length())
    return dissect_apdu(r:take(r:left()), tree, pinfo, true)
  end
  return protected(r, tree)
end

function dissect_apdu(range, parent, pinfo, nested)
  local tag = range(0, 1):uint()
  local name = APDU[tag]
  local tree = parent:add(cosem, range, "DLMS/COSEM, " .. (name or string.format("unknown APDU %02X", tag)))
  tree:add(f.tag, range(0, 1))
  if not nested then pinfo.cols.info:append((name or "unknown APDU") .. " ") end
  if not name then return end
  local r = reader(range)
  r:u8()
  local ok, said = pcall(body, r, tree, pinfo, tag)
  if not ok then
    tree:add_proto_expert_info(malformed, type(said) == "table" and said.malformed or tostring(said))
  elseif r:left() > 0 then
    tree:add_proto_expert_info(malformed, r:left() .. " octets are left over")
  elseif said and not nested then
    pinfo.cols.info:append(said .. " ")
  end
end

-- For those who carry APDUs otherwise.
function cosem.dissector(tvb, pinfo, tree)
  pinfo.cols.protocol = "DLMS"
  if tvb:len() > 0 then dissect_apdu(tvb:range(), tree, pinfo, false) end
end

---------------------------------------------------------------------------------------------------
-- The wrapper

local function wrapper_pdu(tvb, pinfo, tree)
  pinfo.cols.protocol = "DLMS"
  local length = tvb(6, 2):uint()
  local branch = tree:add(wrapper, tvb(0, 8), string.format("DLMS wrapper, %d to %d", tvb(2, 2):uint(), tvb(4, 2):uint()))
  branch:add(f.w_version, tvb(0, 2))
  branch:add(f.w_source, tvb(2, 2))
  branch:add(f.w_destination, tvb(4, 2))
  branch:add(f.w_length, tvb(6, 2))
  if length > 0 and tvb:len() >= 8 + length then dissect_apdu(tvb(8, length), tree, pinfo, false) end
  return tvb:len()
end

function wrapper.dissector(tvb, pinfo, tree)
  if tvb:len() >= 2 and tvb(0, 2):uint() ~= 1 then return 0 end
  pinfo.cols.info = ""
  if pinfo.can_desegment > 0 or pinfo.port_type == 2 then
    dissect_tcp_pdus(tvb, tree, 8, function(t, _, offset) return 8 + t(offset + 6, 2):uint() end, wrapper_pdu)
    return tvb:len()
  end
  if tvb:len() < 8 then return 0 end
  return wrapper_pdu(tvb, pinfo, tree)
end

---------------------------------------------------------------------------------------------------
-- HDLC. Segments of one PDU are put together per direction of a conversation.

-- The check (x16 + x12 + x5 + 1), low octet first.
local function check(bytes, first, last)
  local crc = 0xFFFF
  for at = first, last do
    crc = bit.bxor(crc, bytes:get_index(at))
    for _ = 1, 8 do
      if bit.band(crc, 1) == 1 then crc = bit.bxor(bit.rshift(crc, 1), 0x8408) else crc = bit.rshift(crc, 1) end
    end
  end
  return bit.bxor(crc, 0xFFFF)
end

local function address(tvb, at)
  local octets = {}
  repeat
    local octet = tvb(at + #octets, 1):uint()
    octets[#octets + 1] = octet
  until octet % 2 == 1 or #octets == 4
  local v = function(i) return math.floor(octets[i] / 2) end
  local text
  if #octets == 1 then text = tostring(v(1))
  elseif #octets == 2 then text = v(1) .. "/" .. v(2)
  else text = (v(1) * 128 + v(2)) .. "/" .. (v(3 <= #octets and 3 or 2) * 128 + v(#octets)) end
  return text, #octets
end

local function control_name(octet)
  local nr = math.floor(octet / 32)
  if octet % 2 == 0 then return string.format("I, N(S) %d, N(R) %d", math.floor(octet / 2) % 8, nr), true end
  local low = octet % 16
  if low == 1 then return "RR, N(R) " .. nr end
  if low == 5 then return "RNR, N(R) " .. nr end
  local kind = octet - bit.band(octet, 0x10)
  local names = { [0x83] = "SNRM", [0x43] = "DISC", [0x63] = "UA", [0x0F] = "DM", [0x87] = "FRMR", [0x03] = "UI" }
  return names[kind] or string.format("unknown %02X", octet), kind == 0x03
end

-- Pieces by packet: a packet may be dissected again and must find what it found first.
local pieces, whole = {}, {}

function hdlc.init() pieces, whole = {}, {} end

local function frame(tvb, pinfo, tree)
  local length = tvb:len() - 2
  local branch = tree:add(hdlc, tvb(), "DLMS HDLC")
  branch:add(f.h_format, tvb(1, 2))
  local segmented = math.floor(tvb(1, 1):uint() / 8) % 2 == 1
  branch:add(f.h_segmented, tvb(1, 1), segmented)
  local destination, to = address(tvb, 3)
  branch:add(f.h_destination, tvb(3, to), destination)
  local source, from = address(tvb, 3 + to)
  branch:add(f.h_source, tvb(3 + to, from), source)
  local at = 3 + to + from
  local name, carries = control_name(tvb(at, 1):uint())
  branch:add(f.h_control, tvb(at, 1), name)
  branch:append_text(", " .. name .. ", " .. source .. " to " .. destination)
  pinfo.cols.info:append(name .. " ")
  local bytes = tvb:bytes()
  local sum = tvb(length - 1, 2):le_uint()
  local good = check(bytes, 1, length - 2) == sum
  branch:add(f.h_check, tvb(length - 1, 2))
  branch:add(f.h_good, tvb(length - 1, 2), good):set_generated()
  if not good then branch:add_proto_expert_info(bad_check) end
  local start, count = at + 3, length - 1 - (at + 3)
  if not (good and carries) or count <= 0 then return end

  local direction = tostring(pinfo.src) .. pinfo.src_port .. source .. ">" .. destination
  local here = pinfo.number .. ":" .. tvb:offset()
  local before = whole[here]
  if before == nil then
    before = pieces[direction] or false
    whole[here] = before
    local so_far = (before or "") .. tvb(start, count):bytes():tohex()
    pieces[direction] = segmented and so_far or nil
  end
  if segmented then
    branch:append_text(", segment")
    return
  end
  local range = tvb(start, count)
  if before then
    range = ByteArray.new(before .. range:bytes():tohex()):tvb("Segments put together"):range()
  end
  if range:len() > 3 and range(0, 1):uint() == 0xE6 then
    dissect_apdu(range(3), tree, pinfo, false)
  else
    dissect_apdu(range, tree, pinfo, false)
  end
end

function hdlc.dissector(tvb, pinfo, tree)
  if tvb:len() == 0 or tvb(0, 1):uint() ~= 0x7E then return 0 end
  pinfo.cols.protocol = "DLMS"
  pinfo.cols.info = ""
  local at = 0
  while at + 1 < tvb:len() do
    if tvb(at + 1, 1):uint() == 0x7E then
      at = at + 1
    else
      local left = tvb:len() - at
      local length = left >= 3 and bit.band(tvb(at + 1, 2):uint(), 0x7FF) + 2 or nil
      if length == nil or left < length then
        pinfo.desegment_offset = at
        pinfo.desegment_len = length and length - left or DESEGMENT_ONE_MORE_SEGMENT
        return tvb:len()
      end
      if math.floor(tvb(at + 1, 1):uint() / 16) ~= 0xA or length < 9 or tvb(at + length - 1, 1):uint() ~= 0x7E then
        tree:add(hdlc, tvb(at), "DLMS HDLC, no frame"):add_proto_expert_info(bad_check)
        return tvb:len()
      end
      frame(tvb(at, length):tvb(), pinfo, tree)
      at = at + length
    end
  end
  return tvb:len()
end

---------------------------------------------------------------------------------------------------
-- Ports

local used = {}

local function register()
  for port, proto in pairs({ [wrapper.prefs.port] = wrapper, [hdlc.prefs.port] = hdlc }) do
    DissectorTable.get("tcp.port"):add(port, proto)
    DissectorTable.get("udp.port"):add(port, proto)
    used[#used + 1] = { port, proto }
  end
end

local function again()
  for _, entry in ipairs(used) do
    DissectorTable.get("tcp.port"):remove(entry[1], entry[2])
    DissectorTable.get("udp.port"):remove(entry[1], entry[2])
  end
  used = {}
  register()
end
wrapper.prefs_changed = again
hdlc.prefs_changed = again
register()
