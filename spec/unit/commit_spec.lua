-- cmake/commit.cmake, which every build asks for the commit that `moonbid version` tells.

local function output_of(command)
  local pipe = assert(io.popen(command .. ' 2>&1'))
  local output = pipe:read '*a'
  pipe:close()
  return (output:gsub('%s+$', ''))
end

local has_git = output_of('git --version'):find('^git version') ~= nil

describe('commit.cmake', function()
  local folder
  before_each(function() folder = output_of 'mktemp -d' end)
  after_each(function() os.execute('rm -rf ' .. folder) end)

  -- The header's text for the sources in `source`, below the folder.
  local function header_of(source)
    local said = output_of(('cmake -DSOURCE=%s/%s -DOUT=%s/commit.h -P cmake/commit.cmake'):format(folder, source, folder))
    assert.equal('', said)
    return output_of(('cat %s/commit.h'):format(folder))
  end

  local function make_repository()
    return output_of(('cd %s && git init -q && git -c user.name=n -c user.email=n@example commit -q --allow-empty -m x')
      :format(folder))
  end

  it('names the commit of a repository', function()
    if not has_git then return pending 'there is no git' end
    assert.equal('', make_repository())
    assert.equal(('#define MB_COMMIT "%s"'):format(output_of('git -C ' .. folder .. ' rev-parse --short HEAD')), header_of '')
  end)

  it('knows none of a source package', function()
    assert.equal('#define MB_COMMIT "unknown"', header_of '')
  end)

  it('does not take a source package for the repository that it lies in', function()
    if not has_git then return pending 'there is no git' end
    assert.equal('', make_repository())
    os.execute('mkdir ' .. folder .. '/package')
    assert.equal('#define MB_COMMIT "unknown"', header_of 'package')
  end)

  it('leaves the header alone while the commit is the same, so that nothing is rebuilt', function()
    header_of ''
    output_of(('touch -d @0 %s/commit.h'):format(folder))
    header_of ''
    assert.equal('0', output_of(('stat -c %%Y %s/commit.h'):format(folder)))
  end)
end)
