std = 'luajit'
max_line_length = 132

-- What the sandbox gives to strategies and their modules.
local sandbox = { 'strategy', 'nobid', 'list', 'map', 'log' }
files['scripts/strategies'] = { read_globals = sandbox }
files['scripts/lib'] = { read_globals = sandbox }
files['spec'] = { std = '+busted' }
