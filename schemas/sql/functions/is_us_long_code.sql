-- Area codes: the North American Numbering Plan Administrator's list (nanpa.com), Canada's and the Caribbean's, including the codes of
-- Canada that belong to no place. Checked against libphonenumber 9.0.43.
-- Reading: Puerto Rico (787, 939) and the US Virgin Islands (340) count as the United States, because carriers there want the same
-- registration. So do Guam, American Samoa and the Northern Marianas. Bermuda (441) counts as Caribbean.
-- The planner puts the one expression of this SQL function in its place.

create or replace function telnyx.is_us_long_code(number text) returns boolean
  language sql immutable parallel safe
return number ~ '^\+1[0-9]{10}$' and substr(number, 3, 3) <> all (array[
  -- toll-free
  '800', '833', '844', '855', '866', '877', '888',
  -- Canada
  '204', '226', '236', '249', '250', '257', '263', '273', '289', '306', '343', '354', '365', '367', '368', '382', '403', '416', '418', '428',
  '431', '437', '438', '450', '468', '474', '506', '514', '519', '548', '579', '581', '584', '587', '600', '604', '613', '622', '633', '639',
  '644', '647', '655', '672', '677', '683', '688', '705', '709', '742', '753', '778', '780', '782', '807', '819', '825', '867', '873', '879',
  '902', '905', '942',
  -- Bahamas, Barbados, Anguilla, Antigua and Barbuda, British Virgin Islands, Cayman Islands, Bermuda, Grenada
  '242', '246', '264', '268', '284', '345', '441', '473',
  -- Turks and Caicos Islands, Jamaica, Montserrat, Sint Maarten, Saint Lucia, Dominica, Saint Vincent
  '649', '658', '876', '664', '721', '758', '767', '784',
  -- Dominican Republic, Trinidad and Tobago, Saint Kitts and Nevis
  '809', '829', '849', '868', '869'
]);
comment on function telnyx.is_us_long_code(text) is
  'True for an ordinary ten-digit number of the United States (not toll-free, not Canadian, not Caribbean). It must be in a 10DLC campaign to send.';
