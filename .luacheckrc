std = 'luajit'
max_line_length = 132
-- The example of the contract stays as it is printed.
exclude_files = { 'build', 'spec/fixtures/api-example' }

-- What the sandbox gives to strategies and their modules.
local sandbox = { 'strategy', 'nobid', 'list', 'map', 'log' }
files['scripts/strategies'] = { read_globals = sandbox }
files['scripts/lib'] = { read_globals = sandbox }
files['bench/strategies'] = { read_globals = sandbox }
files['tests/fuzz/scripts'] = { read_globals = sandbox }
files['tests/validator/scripts'] = { read_globals = sandbox }
files['bench/decision.lua'] = { globals = { 'ngx' } }
files['spec'] = { std = '+busted' }
-- Declarations for editors, never run.
files['scripts/moonbid/types.lua'] = { globals = sandbox, ignore = { '212', '241', '211', '231' } }
