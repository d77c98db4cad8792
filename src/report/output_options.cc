#include "report/report.h"

namespace segue::report {

void OutputOptions::read(config::Section& section) {
  section.read("run", run, {.meaning = "Run directory; empty: `runs/` and the name of the configuration file"});
  section.read(
      "map_items", map_items,
      {.meaning = "CSV of items with coordinates: the report draws example sequences on a map; empty: no map"});
  section.read("map_item_column", map_item_column, {.meaning = "Its column of item ids"});
  section.read("map_name_column", map_name_column, {.meaning = "Its column of names"});
  section.read("map_latitude_column", map_latitude_column,
               {.meaning = "Its column of latitudes", .unit = "degrees north"});
  section.read("map_longitude_column", map_longitude_column,
               {.meaning = "Its column of longitudes", .unit = "degrees east"});
}

}  // namespace segue::report
