-- Keeps the broker's partitions and accounts for the broker (invariant 11: nobody goes around).
--
-- slurmctld asks this script about every job that is submitted or changed (JobSubmitPlugins=lua).
-- Install it beside slurm.conf, with job_submit_settings.lua, which returns a table:
--
--   gateway_uids          uids that may submit and change jobs here: the gateway's, nobody else's
--   partitions            partitions that belong to the broker
--   accounts              accounts that belong to the broker
--   account_prefixes      prefixes of such accounts, for those that are made later
--   typed_gpus_everywhere true: GPUs without a type are refused on the whole cluster
--   gpus_per_node         optional: { TYPE = COUNT }, what an exclusive job of the broker must ask for
--   probe_uid             optional: the gateway's probe, whose refusals are not worth a line in the log
--
-- The rule looks at who really sent the request, not at whom the job is for. What cannot be told
-- is refused. slurmctld loads this file again when it changes: touch it after changing settings.

local here = debug.getinfo(1, "S").source:match("^@(.*)/[^/]*$")
local settings = dofile(here .. "/job_submit_settings.lua")

local ACCESS_DENIED = slurm.ESLURM_ACCESS_DENIED or 2002
local INVALID_GRES = slurm.ESLURM_INVALID_GRES or 2072

-- The set of a list's members, through `as` if given. A missing list is an error, not an empty one.
local function set_of(name, as)
    if type(settings[name]) ~= "table" then
        error("job_submit_settings.lua lacks the list " .. name)
    end
    local set = {}
    for _, member in ipairs(settings[name]) do
        set[as and as(member) or member] = true
    end
    return set
end

local GATEWAY_UIDS = set_of("gateway_uids")
local PARTITIONS = set_of("partitions")
-- Slurm compares account names without case.
local ACCOUNTS = set_of("accounts", string.lower)
local ACCOUNT_PREFIXES = set_of("account_prefixes", string.lower)

-- The text of a field, or nil when it is not set.
local function text(value)
    if value == nil or value == "" then
        return nil
    end
    return tostring(value)
end

-- The first of the broker's partitions in a comma-separated list, or nil.
local function broker_partition(list)
    for name in (text(list) or ""):gmatch("[^,%s]+") do
        if PARTITIONS[name] then
            return name
        end
    end
    return nil
end

-- The account if it is the broker's, or nil.
local function broker_account(name)
    local account = (text(name) or ""):lower()
    if ACCOUNTS[account] then
        return account
    end
    for prefix in pairs(ACCOUNT_PREFIXES) do
        if account:sub(1, #prefix) == prefix then
            return account
        end
    end
    return nil
end

-- The partition that Slurm takes when none is asked for.
local function default_partition(part_list)
    for name, partition in pairs(part_list) do
        if partition.flag_default == 1 or partition.flag_default == true then
            return name
        end
    end
    return nil
end

-- True if a list of generic resources asks for GPUs of no named type, as "gres:gpu:2" does.
local function has_untyped_gpu(list)
    for item in (text(list) or ""):gmatch("[^,]+") do
        local rest = item:gsub("%s", ""):gsub("^gres[:/]", "")
        local gpu = rest:match("^gpu$") or rest:match("^gpu[:=(]")
        if gpu then
            local wanted = rest:sub(4):gsub("%(.*$", "")
            local kind = wanted:match("^:([^:=]+)")
            local is_count = kind and kind:match("^%d+[kKmMgGtTpP]?$")
            local is_pair = wanted:match("^:[^:=]+[:=]%d+")
            if not kind or (is_count and not is_pair) then
                return true
            end
        end
    end
    return false
end

-- The fields that ask for GPUs.
local GPU_FIELDS = { "tres_per_node", "tres_per_job", "tres_per_socket", "tres_per_task" }

-- A 16-bit number of a request, or nil when it is not set (NO_VAL16, INFINITE16).
local function number(value)
    local it = tonumber(value)
    if it == nil or it >= 65534 then
        return nil
    end
    return it
end

-- The typed GPUs of a list such as "gres:gpu:h200:2", as { h200 = 2 }; nil when there are none.
local function typed_gpus(list)
    local found = nil
    for item in (text(list) or ""):gmatch("[^,]+") do
        local rest = item:gsub("%s", ""):gsub("^gres[:/]", ""):gsub("%(.*$", "")
        local kind, count = rest:match("^gpu:([^:=]+)[:=](%d+)$")
        if not kind then
            kind, count = rest:match("^gpu:([^:=]+)$"), 1
        end
        if kind and not kind:match("^%d+$") then
            found = found or {}
            found[kind] = (found[kind] or 0) + tonumber(count)
        end
    end
    return found
end

-- True if a request names GPUs of a type in any of the fields.
local function asks_typed_gpu(job)
    for _, field in ipairs(GPU_FIELDS) do
        if typed_gpus(job[field]) then
            return true
        end
    end
    return false
end

local function asks_untyped_gpu(job)
    for _, field in ipairs(GPU_FIELDS) do
        if has_untyped_gpu(job[field]) then
            return true
        end
    end
    -- --ntasks-per-gpu alone makes Slurm count out GPUs of any type.
    local per_gpu = number(job.ntasks_per_tres) or number(job.ntasks_per_gpu)
    return per_gpu ~= nil and per_gpu > 0 and not asks_typed_gpu(job)
end

-- True if a job has its nodes for itself: by its own wish or by its partition's OverSubscribe.
local function is_exclusive(job, partition)
    return number(job.shared) == 0 or (partition and number(partition.max_share) == 0)
end

-- True if an exclusive job does not ask for the GPUs it gets: Slurm gives it every GPU of its nodes,
-- asked for or not, and holds only what was asked for against its limits.
local function takes_gpus_unasked(job)
    local asked = typed_gpus(job.tres_per_node)
    if not asked then
        return true
    end
    for kind, count in pairs(settings.gpus_per_node or {}) do
        if asked[kind] and asked[kind] < count then
            return true
        end
    end
    return false
end

-- Writes a sentence to the person's terminal and to slurmctld's log.
local function refuse(code, uid, sentence)
    slurm.log_user("%s", sentence)
    local log = uid == settings.probe_uid and slurm.log_debug or slurm.log_info
    log("job_submit.lua refused uid %s: %s", tostring(uid), sentence)
    return code
end

local function refuse_place(uid, partition, account)
    local place = partition and ("the partition " .. partition) or ("the account " .. account)
    return refuse(ACCESS_DENIED, uid,
        "Jobs on " .. place .. " go through the Mimer Broker only. "
        .. "Send the job with the broker's web page or the command mimer.")
end

local function refuse_untyped(uid)
    return refuse(INVALID_GRES, uid,
        "GPUs must be asked for by type, as in --gres=gpu:TYPE:COUNT; sinfo -o %G shows the types.")
end

local function refuse_unasked(uid)
    return refuse(INVALID_GRES, uid,
        "An exclusive job gets every GPU of its node: ask for all of them by type, as in "
        .. "--exclusive --gres=gpu:TYPE:COUNT.")
end

-- What is refused to everybody, the gateway too.
local function refuse_gpus(uid, job, is_brokers, is_alone)
    if (is_brokers or settings.typed_gpus_everywhere) and asks_untyped_gpu(job) then
        return refuse_untyped(uid)
    end
    if is_brokers and is_alone and takes_gpus_unasked(job) then
        return refuse_unasked(uid)
    end
    return slurm.SUCCESS
end

function slurm_job_submit(job, part_list, submit_uid)
    local partition_asked = text(job.partition) or default_partition(part_list)
    local account_asked = text(job.account) or text(job.default_account)
    local partition = broker_partition(partition_asked)
    local account = broker_account(account_asked)
    local is_brokers = partition ~= nil or account ~= nil

    if not GATEWAY_UIDS[submit_uid] then
        if is_brokers then
            return refuse_place(submit_uid, partition, account)
        end
        if not partition_asked then
            return refuse(ACCESS_DENIED, submit_uid,
                "Name the partition: this cluster has no default one for you (--partition).")
        end
        if not account_asked then
            return refuse(ACCESS_DENIED, submit_uid,
                "Name the account: you have no default one (--account).")
        end
    elseif is_brokers and job.user_id == 0 then
        return refuse(ACCESS_DENIED, submit_uid,
            "No job of the broker runs as root; submit it for the project's user.")
    end
    local is_alone = is_exclusive(job, part_list[partition_asked])
    return refuse_gpus(submit_uid, job, is_brokers, is_alone)
end

function slurm_job_modify(change, job, _, modify_uid)
    local partition = broker_partition(job.partition) or broker_partition(change.partition)
    local account = broker_account(job.account) or broker_account(change.account)
    local is_brokers = partition ~= nil or account ~= nil

    if is_brokers and not GATEWAY_UIDS[modify_uid] then
        return refuse_place(modify_uid, partition, account)
    end
    return refuse_gpus(modify_uid, change, is_brokers, is_exclusive(change))
end

slurm.log_info("job_submit.lua guards the broker's partitions and accounts")
return slurm.SUCCESS
