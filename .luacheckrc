std = 'luajit'
max_line_length = 132
exclude_files = { 'build' }

-- What the sandbox gives to strategies and their modules.
local sandbox = { 'strategy', 'nobid', 'list', 'map', 'log' }
files['scripts/strategies'] = { read_globals = sandbox }
files['scripts/lib'] = { read_globals = sandbox }
files['bench/strategies'] = { read_globals = sandbox }
files['bench/decision.lua'] = { globals = { 'ngx' } }
files['spec'] = { std = '+busted' }
